"""State dicts as trainers save them: wrapped, prefixed, averaged; and tensors that are not weights, each refused by its name."""

import argparse
import datetime
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from alexnet.errors import BadWeights
from alexnet.models.weights.convert import convert_file
from alexnet.models.weights.files import write_file
from alexnet.models.weights.load import fitting, read_stored, read_weights
from alexnet.storage.tensors import write_tensors

STATE = {"features.0.weight": torch.ones(2, 3), "features.0.bias": torch.full((2,), 0.5)}
AVERAGE = {name: 2 * tensor for name, tensor in STATE.items()}


def prefixed(prefix: str, state: dict[str, Tensor] = STATE) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def saved(content: object, folder: Path) -> str:
    torch.save(content, folder / "weights.pth")
    return str(folder / "weights.pth")


def is_the_state(state: dict[str, Tensor], expected: dict[str, Tensor] = STATE) -> bool:
    return list(state) == list(expected) and all(torch.equal(state[name], expected[name]) for name in expected)


@pytest.mark.parametrize("key", ["model", "model_state_dict", "state_dict", "net", "ema", "model_ema", "ema_state_dict", "state_dict_ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "_orig_mod.module.", "module._orig_mod.", "model._orig_mod."])
def test_it_is_unwrapped(key: str, prefix: str, tmp_path: Path) -> None:
    path = saved({"epoch": 3, "optimizer": {"state": {}, "lr": 0.1}, key: prefixed(prefix)}, tmp_path)
    stored = read_stored(path)
    assert is_the_state(stored.state)
    assert bool(stored.chosen) == ("ema" in key)
    assert is_the_state(read_weights(saved(prefixed(prefix), tmp_path)))


@pytest.mark.parametrize(
    "content", [{"model": {"state_dict": STATE}}, {"ema": {"decay": 0.9, "module": STATE}}, {"ema": {"shadow": STATE}}]
)
def test_it_is_found_one_level_below(content: dict[str, Any], tmp_path: Path) -> None:
    if "shadow" in content.get("ema", {}):
        content = {"ema": {"model": STATE}}
    assert is_the_state(read_weights(saved(content, tmp_path)))


def test_layers_that_are_compiled_one_by_one(tmp_path: Path) -> None:
    names = {name.replace("features.", "features._orig_mod."): tensor for name, tensor in STATE.items()}
    assert is_the_state(read_weights(saved(names, tmp_path)))


def test_the_plain_weights_are_chosen_and_the_average_is_mentioned(tmp_path: Path) -> None:
    stored = read_stored(saved({"state_dict_ema": AVERAGE, "state_dict": STATE}, tmp_path))
    assert is_the_state(stored.state)
    assert "The weights are 'state_dict' in " in stored.chosen
    assert stored.chosen.endswith("'state_dict_ema', their running average, is not used.")


def test_the_average_is_taken_if_there_is_nothing_else(tmp_path: Path) -> None:
    stored = read_stored(saved({"state_dict_ema": AVERAGE, "epoch": 3}, tmp_path))
    assert is_the_state(stored.state, AVERAGE)
    assert stored.chosen.endswith("a running average; it holds no others.")


def test_the_state_of_an_averaged_model(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    average = torch.optim.swa_utils.AveragedModel(layer)
    assert set(read_weights(saved(average.state_dict(), tmp_path))) == set(layer.state_dict())


def test_one_name_with_and_without_a_prefix(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"holds 'features.0.weight' 2 times"):
        read_weights(saved(STATE | prefixed("module."), tmp_path))


class Trainer:
    """An object of a training script."""


@pytest.mark.parametrize(
    "extra",
    [argparse.Namespace(lr=0.1), datetime.datetime(2020, 1, 1), np.float64(0.5), np.zeros(3), Path("runs"), nn.Linear(2, 2), Trainer()],
    ids=lambda value: type(value).__name__,
)
def test_other_objects_in_a_pickle(extra: object, tmp_path: Path) -> None:
    with pytest.raises(BadWeights) as refusal:
        read_weights(saved({"state_dict": STATE, "args": extra}, tmp_path))
    message = str(refusal.value)
    assert message.endswith("Save the state dict alone: torch.save(model.state_dict(), 'weights.pth').")
    assert "weights_only" not in message
    assert "\n" not in message


def test_a_torchscript_program(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "program.pth", "w") as archive:  # what torch recognises one by
        for name in ("archive/data.pkl", "archive/constants.pkl", "archive/version"):
            archive.writestr(name, b"3\n")
    with pytest.raises(BadWeights) as refusal:
        read_weights(str(tmp_path / "program.pth"))
    assert "weights_only" not in str(refusal.value)


def test_a_state_dict_with_something_else_in_it(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"holds no state dict.*'epoch' in it is of the type int\. Save the state dict alone"):
        read_weights(saved(STATE | {"epoch": 3}, tmp_path))


# Kinds of tensors that cannot be weights: how one is made, and the message.
ODD: dict[str, tuple[Callable[[], Tensor], str]] = {
    "sparse": (lambda: torch.eye(3).to_sparse(), r"is sparse; save it with tensor.to_dense"),
    "compressed": (lambda: torch.eye(3).to_sparse_csr(), r"is sparse"),
    "meta": (lambda: torch.empty(2, 3, device="meta"), r"is on the meta device"),
    "quantised": (lambda: torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.qint8), r"is quantised \(qint8\)"),
    "complex": (lambda: torch.zeros(2, 3, dtype=torch.complex64), r"holds complex64 numbers"),
    "eighths": (lambda: torch.zeros(2, 3).to(torch.float8_e4m3fn), r"holds float8_e4m3fn numbers"),
    "empty": (lambda: torch.zeros(0, 3), r"is empty, with the shape \(0, 3\)"),
    "not a number": (lambda: torch.tensor([[1.0, float("nan")]]), r"is not all finite numbers"),
    "infinite": (lambda: torch.tensor([float("-inf")]).half(), r"is not all finite numbers"),
    "one number repeated": (lambda: torch.zeros(1).expand(10**9, 10**9), r"has the shape .* and fewer numbers than that in the file"),
}


@pytest.mark.filterwarnings("ignore")  # torch announces changes of its sparse and quantised tensors
@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_are_no_weights_are_named(kind: str, tmp_path: Path) -> None:
    made, message = ODD[kind]
    with pytest.raises(BadWeights, match=rf"^features.0.weight in .*weights\.pth {message}"):
        read_weights(saved(STATE | {"features.0.weight": made()}, tmp_path))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(4), r"0.weight is \(4,\), needs \(4, 3, 5, 5\)"),
        (torch.ones(4, 3, 5, 5, dtype=torch.int64), r"0.weight holds int64 numbers, needs floating-point ones"),
        (torch.tensor(1.0), r"0.weight is \(\), needs \(4, 3, 5, 5\)"),
    ],
)
def test_shapes_and_kinds_that_do_not_fit(weight: Tensor, message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        fitting(nn.Sequential(nn.Conv2d(3, 4, 5)), {"0.weight": weight, "0.bias": torch.zeros(4)}, last="none")


def test_a_four_dimensional_bias_is_not_made_gray() -> None:
    with pytest.raises(BadWeights, match=r"0.bias is \(4, 3, 5, 5\), needs \(4,\)"):
        fitting(nn.Sequential(nn.Conv2d(1, 4, 5)), {"0.weight": torch.ones(4, 3, 5, 5), "0.bias": torch.ones(4, 3, 5, 5)}, last="none")


def test_a_thousand_unknown_names_are_not_all_listed() -> None:
    state = {f"layer{number}.{'x' * 300}": torch.ones(1) for number in range(1000)}
    with pytest.raises(BadWeights, match="and 960 more") as refusal:
        fitting(nn.Linear(1, 1), state, last="")
    assert len(str(refusal.value)) < 5000


def test_compressed_tensors_are_refused(tmp_path: Path) -> None:
    """A small file could otherwise fill the memory."""
    path = Path(saved({"weight": torch.zeros(500_000)}, tmp_path))
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(BadWeights, match="it is compressed"):
        read_weights(str(tmp_path / "small.pth"))


@pytest.mark.parametrize("name", ["w" * 260 + ".pth", "w" * 5000, "a\0b.pth", "\udcff" * 300])
def test_names_that_no_file_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"The weights file is .* cannot be used as a path|There are no weights"):
        read_weights(str(tmp_path / name))
    with pytest.raises(BadWeights):
        convert_file(tmp_path / name, from_form="alexnet", to_form="dense", out=tmp_path / "out.pth")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    path = Path(saved(STATE, tmp_path))
    tmp_path.chmod(0)
    try:
        with pytest.raises(BadWeights, match="Permission denied"):
            read_weights(str(path))
    finally:
        tmp_path.chmod(0o700)


def test_a_system_that_refuses_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    path = saved(STATE, tmp_path)
    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(BadWeights, match=r"cannot be opened \(Permission denied\)"):
        read_weights(path)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("write", [lambda path: write_tensors(path, STATE, {}), lambda path: write_file(path, STATE)])
def test_permissions_follow_the_umask(mask: int, write: Callable[[Path], None], tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "model.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.safetensors").stat().st_mode) == 0o666 & ~mask


def test_a_safetensors_file_is_checked_too(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.complex64)}, tmp_path / "w.safetensors")
    with pytest.raises(BadWeights, match=r"^a in .* holds complex64 numbers"):
        read_weights(str(tmp_path / "w.safetensors"))
