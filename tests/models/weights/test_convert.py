"""Files into files: every pair of forms, what is said, and every refusal."""

import pickle
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.weights.small import State, network, same_bits, table

from alexnet.data.preprocess import Preprocess
from alexnet.errors import BadModel, BadWeights, CannotWrite
from alexnet.inference.build import build_model
from alexnet.inference.classifier import Classifier
from alexnet.inference.model_card import ModelCard
from alexnet.models.networks.architecture import NetworkChoices
from alexnet.models.networks.network import Network
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.convert import convert_file
from alexnet.models.weights.load import fitting, read_weights
from alexnet.models.weights.registry import FORMS, FUNCTIONS

OF_ALEXNET = [name for name, form in FORMS.items() if form.function == "alexnet"]
OF_OWT = [name for name, form in FORMS.items() if form.function == "alexnet-owt"]


def file(folder: Path, name: str, number: int = 0) -> Path:
    return folder / f"{number}-{name}{FORMS[name].suffixes[0]}"


def original(folder: Path, name: str = "alexnet") -> tuple[Path, State]:
    state = dict(network(table(name)).float().state_dict())
    path = folder / "original.safetensors"
    save_file(state, path)
    return path, state


def run(folder: Path, model: str = "alexnet", **choices: object) -> tuple[Path, State]:
    """The model folder of a run, written as a training ends."""
    preprocess = Preprocess(image_size=96, stored_size=96, fit="crop", mean=(110.0,) * 3, std=(1.0,) * 3)
    network = NetworkChoices(width=1 / 16, **choices)  # type: ignore[arg-type]  # fields by name
    built = build_model(model, network, classes=2, channels=3, preprocess=preprocess)
    card = ModelCard(model=model, classes=("a", "b"), channels=3, preprocess=preprocess, network=network, flip=True, scores={}, versions={})
    Classifier(built, card, device="cpu").save(folder / "run" / "model")
    return folder / "run", dict(built.network.state_dict())


@pytest.mark.parametrize(("first", "second"), [(a, b) for forms in (OF_ALEXNET, OF_OWT) for a in forms for b in forms])
def test_every_pair_goes_there_and_back_without_a_changed_bit(first: str, second: str, tmp_path: Path) -> None:
    function = FORMS[first].function
    path, state = original(tmp_path, function)
    for step, (source, target) in enumerate([(function, first), (first, second), (second, first), (first, function)]):
        out = file(tmp_path, target, step)
        done = convert_file(path, from_form=source, to_form=target, out=out)
        assert done.out == out
        assert tuple(sorted(done.tensors)) == tuple(sorted(FORMS[target].names))
        path = out
    assert same_bits(dict(sorted(read_weights(str(path)).items())), dict(sorted(state.items())))


@pytest.mark.parametrize("name", [*OF_ALEXNET, *OF_OWT])
def test_every_layout_at_full_size(name: str) -> None:
    form = FORMS[name]
    with torch.device("meta"):
        state = dict(Network(ARCHITECTURES[form.function], classes=1000, channels=3, image_size=224).half().state_dict())
    if name == "program-2012":  # doubling is compared number by number, which the meta device cannot
        state = {key: torch.zeros(tensor.shape, dtype=torch.float16) for key, tensor in state.items()}
    written = form.write(state)
    shapes = {key: tuple(tensor.shape) for key, tensor in written.items()}
    expected: dict[str, dict[str, tuple[int, ...]]] = {
        "alexnet": {"features.conv2.weight": (256, 48, 5, 5), "classifier.fc6.weight": (4096, 9216)},
        "two-towers": {"tower1.conv1.weight": (48, 3, 11, 11), "tower2.conv3.weight": (192, 256, 3, 3), "tower1.fc6.weight": (2048, 9216)},
        "dense": {"features.conv2.weight": (256, 96, 5, 5), "features.conv4.weight": (384, 384, 3, 3)},
        "caffe": {"conv2.weights": (256, 48, 5, 5), "fc8.bias": (1000,)},
        "program-2012": {"conv1a.weights.0": (363, 48), "conv3a.weights.1": (1152, 192), "fc2048a.weights.0": (4608, 2048)},
        "alexnet-owt": {"features.0.weight": (64, 3, 11, 11)},
        "torchvision": {"classifier.1.weight": (4096, 9216)},
    }
    assert expected[name].items() <= shapes.items()
    assert set(shapes) == set(form.names)


def test_what_is_written_says_what_was_done_and_what_to_run(tmp_path: Path) -> None:
    path, state = original(tmp_path)
    out = tmp_path / "dense net.safetensors"
    done = convert_file(path, from_form="alexnet", to_form="dense", out=out)
    assert done.lines[
        0
    ] == f"alexnet -> dense: 16 tensors, {sum(t.numel() for t in read_weights(str(out)).values()):,} weights and biases " + (
        f"in float32, written to {out}"
    )
    assert "  features.conv2.weight (16, 8, 5, 5)" in done.lines
    assert done.lines[-1] == (
        f"Next: alexnet train DATA --model alexnet-one-tower --network.norm within-towers --weights {shlex.quote(str(out))}"
    )
    assert state["features.conv2.weight"].shape == (16, 4, 5, 5)


@pytest.mark.parametrize("name", ["alexnet", "dense", "alexnet-owt", "torchvision"])
def test_weights_in_our_forms_load_with_weights(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    path, _ = original(tmp_path, form.function)
    out = file(tmp_path, name)
    convert_file(path, from_form=form.function, to_form=name, out=out)
    convs = ARCHITECTURES[form.model].convs
    small = table(form.function)
    small = replace(small, convs=tuple(replace(conv, towers=of.towers) for conv, of in zip(small.convs, convs, strict=True)))
    last = "classifier.6" if small.numbered else "classifier.fc8"
    assert len(fitting(network(small), read_weights(str(out)), last)) == 16
    names = {field.replace("-", "_") for field in form.options}
    assert names <= set(NetworkChoices.__dataclass_fields__)


def test_the_suffix_says_the_kind_of_file(tmp_path: Path) -> None:
    path, state = original(tmp_path, "alexnet-owt")
    convert_file(path, from_form="alexnet-owt", to_form="torchvision", out=tmp_path / "a.pth")
    convert_file(tmp_path / "a.pth", from_form="torchvision", to_form="torchvision", out=tmp_path / "deep" / "b.safetensors")
    assert same_bits(torch.load(tmp_path / "a.pth", weights_only=True), state)
    assert load_file(tmp_path / "deep" / "b.safetensors").keys() == state.keys()
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["a.pth", "b.safetensors", "deep", "original.safetensors"]


def test_a_run_folder_is_read_and_its_changed_table_is_said(tmp_path: Path) -> None:
    folder, state = run(tmp_path, norm="none", dropout=0.25)
    done = convert_file(folder, from_form="alexnet", to_form="alexnet", out=tmp_path / "same.safetensors")
    assert same_bits(read_weights(str(tmp_path / "same.safetensors")), dict(sorted(state.items())))
    assert " --model alexnet --network.norm none --network.dropout 0.25 --network.width 0.0625 --weights " in done.lines[-1]
    done = convert_file(folder, from_form="alexnet", to_form="dense", out=tmp_path / "dense.safetensors")
    assert " --model alexnet-one-tower --network.norm none --network.dropout 0.25 --network.width 0.0625 --weights " in done.lines[-1]
    done = convert_file(folder, from_form="alexnet", to_form="caffe", out=tmp_path / "caffe.npz")
    assert (
        done.lines[-1]
        == "The run changed its network's table; the same function needs --network.norm none --network.dropout 0.25 --network.width 0.0625."
    )


@pytest.mark.parametrize(
    ("model", "form", "message"),
    [
        ("alexnet-one-tower", "alexnet", "is a run of alexnet-one-tower; the form 'alexnet' is read from runs of alexnet."),
        ("alexnet", "caffe", "is a run of alexnet; the form 'caffe' is read from .npz files, not from runs."),
    ],
)
def test_another_networks_run_is_refused(model: str, form: str, message: str, tmp_path: Path) -> None:
    folder, _ = run(tmp_path, model)
    refused(BadWeights, f"{folder} {message}", folder, form, "alexnet", tmp_path)


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    folder, _ = run(tmp_path)
    (folder / "model" / "model.json").write_text("{", encoding="utf-8")
    refused(BadWeights, "model.json is damaged (", folder, "alexnet", "alexnet", tmp_path)


def refused(kind: type[Exception], message: str, source: Path, from_form: str, to_form: str, folder: Path, out: str = "") -> None:
    """The conversion is refused with that message, and leaves nothing behind."""
    before = sorted(folder.rglob("*"))
    suffix = FORMS[to_form].suffixes[0] if to_form in FORMS else ".safetensors"
    with pytest.raises(kind) as refusal:
        convert_file(source, from_form=from_form, to_form=to_form, out=folder / (out or f"out{suffix}"))
    assert message in str(refusal.value)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("alexnet", "two-tower"), "No form is called 'two-tower'. Did you mean 'two-towers'? Known: alexnet, alexnet-owt, caffe, "),
        (("cafe", "alexnet"), "No form is called 'cafe'. Did you mean 'caffe'?"),
        (("alexnet", "alexnet-d2l"), "'alexnet' cannot be converted to 'alexnet-d2l': alexnet-d2l is a different function: one tower, no"),
        (("alexnet-one-tower", "alexnet"), "the weights of alexnet fit it in the form 'dense'"),
        (("lenet", "alexnet"), "'lenet' cannot be converted to 'alexnet': lenet is a different function. Forms: alexnet, two-towers, "),
        (("caffe", "torchvision"), "they are not the same function (alexnet has two towers, response normalisation, 96 maps first; "),
        (("torchvision", "alexnet"), "Forms of the same function as 'torchvision': alexnet-owt, torchvision."),
    ],
)
def test_pairs_that_are_not_the_same_function_are_refused_with_the_reason(pair: tuple[str, str], message: str, tmp_path: Path) -> None:
    path, _ = original(tmp_path)
    refused(BadModel, message, path, *pair, tmp_path)


def test_every_function_that_a_refusal_speaks_of_is_in_the_catalogue() -> None:
    assert set(FUNCTIONS) <= set(ARCHITECTURES)
    assert {form.function for form in FORMS.values()} <= set(FUNCTIONS)
    assert {form.model for form in FORMS.values()} - {""} <= set(ARCHITECTURES)


@pytest.mark.parametrize("to_form", ["alexnet", "caffe"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(to_form: str, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.safetensors"
    refused(BadWeights, "out.weights has the wrong suffix; the form", nothing, "alexnet", to_form, tmp_path, out="out.weights")
    taken = tmp_path / f"taken{FORMS[to_form].suffixes[0]}"
    taken.write_bytes(b"mine")
    refused(BadWeights, f"{taken} already exists and is not overwritten.", nothing, "alexnet", to_form, tmp_path, out=taken.name)
    assert taken.read_bytes() == b"mine"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path, _ = original(tmp_path)
    with pytest.raises(CannotWrite, match=r"out\.safetensors cannot be written: "):
        convert_file(path, from_form="alexnet", to_form="alexnet", out=path / "out.safetensors")


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    path, _ = original(tmp_path)
    monkeypatch.setattr("alexnet.storage.files.os.fsync", full)
    for name in ("alexnet", "caffe", "torchvision"):
        form = FORMS[name]
        source = path if form.function == "alexnet" else tmp_path / "owt.safetensors"
        save_file(dict(network(table("alexnet-owt")).state_dict()), tmp_path / "owt.safetensors")
        refused(CannotWrite, "cannot be written: the disk is full.", source, form.function, name, tmp_path)


def test_names_of_another_form_are_recognised(tmp_path: Path) -> None:
    path, _ = original(tmp_path)
    convert_file(path, from_form="alexnet", to_form="caffe", out=tmp_path / "caffe.npz")
    message = "caffe.npz is not in the form 'program-2012'. The tensor names are those of --from caffe.\n  missing: conv1a.weights.0, "
    refused(BadWeights, message, tmp_path / "caffe.npz", "program-2012", "alexnet", tmp_path)
    refused(BadWeights, "The tensor names are those of --from alexnet or --from dense", path, "two-towers", "alexnet", tmp_path)


def test_missing_and_unknown_tensors_are_named(tmp_path: Path) -> None:
    _, state = original(tmp_path)
    del state["classifier.fc8.bias"]
    save_file({**state, "extra": torch.zeros(1)}, tmp_path / "other.safetensors")
    message = "is not in the form 'alexnet'.\n  missing: classifier.fc8.bias\n  unknown: extra"
    refused(BadWeights, message, tmp_path / "other.safetensors", "alexnet", "caffe", tmp_path)


def test_shapes_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    state = dict(network(table("alexnet-d2l")).state_dict())
    save_file(state, tmp_path / "d2l.safetensors")
    message = "\n".join(
        [
            "These are not the weights of alexnet:",
            "  features.conv2.weight is (16, 6, 5, 5), needs (16, 3, 5, 5)",
            "  features.conv4.weight is (24, 24, 3, 3), needs (24, 12, 3, 3)",
            "  features.conv5.weight is (16, 24, 3, 3), needs (16, 12, 3, 3)",
        ]
    )
    refused(BadWeights, message, tmp_path / "d2l.safetensors", "alexnet", "caffe", tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    _, state = original(tmp_path)
    state["features.conv3.bias"][0] = value
    save_file(state, tmp_path / "broken.safetensors")
    message = "features.conv3.bias in " + f"{tmp_path / 'broken.safetensors'} is not all finite numbers"
    refused(BadWeights, message, tmp_path / "broken.safetensors", "alexnet", "caffe", tmp_path)


class Malicious:
    """A pickle that writes a file when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return (_leave_a_trace, (str(self.trace), "ran"))


def _leave_a_trace(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("how", ["array", "pickle", "text", "npy", "cut", "empty"])
def test_files_that_are_no_arrays_are_refused_and_run_nothing(how: str, tmp_path: Path) -> None:
    source, trace = tmp_path / "weights.npz", tmp_path / "trace"
    arrays: dict[str, Any] = {"conv1.weights": np.zeros(3)}
    np.savez(source, **arrays)
    contents = {
        "pickle": pickle.dumps({"model_state": Malicious(trace)}),
        "text": b"not weights\n" * 9,
        "cut": source.read_bytes()[:90],
        "empty": b"",
    }
    if how == "array":
        objects: dict[str, Any] = {"conv1.weights": np.array([Malicious(trace)], dtype=object)}
        np.savez(source, allow_pickle=True, **objects)
    elif how == "npy":
        with source.open("wb") as opened:
            np.save(opened, np.zeros(3))
    else:
        source.write_bytes(contents[how])
    refused(BadWeights, f"{source} is not an .npz file of numbers that can be read safely (", source, "caffe", "alexnet", tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("weights.npz", "alexnet", "cannot hold the form 'alexnet', which is read from .safetensors and .pth files and run folders."),
        ("weights.caffemodel", "caffe", "cannot hold the form 'caffe', which is read from .npz files."),
        ("nothing.npz", "caffe", "nothing.npz. Use an .npz file."),
        ("nothing.pth", "torchvision", "nothing.pth. Use a .safetensors or .pth file, a run folder"),
        ("weights.pth", "torchvision", "is not a file of weights that can be read safely"),
    ],
)
def test_files_of_another_kind_are_refused(name: str, form: str, message: str, tmp_path: Path) -> None:
    if not name.startswith("nothing"):
        (tmp_path / name).write_bytes(b"something else")
    refused(BadWeights, message, tmp_path / name, form, FORMS[form].function, tmp_path)


def test_arrays_of_another_byte_order_and_of_whole_numbers(tmp_path: Path) -> None:
    path, state = original(tmp_path)
    convert_file(path, from_form="alexnet", to_form="caffe", out=tmp_path / "caffe.npz")
    with np.load(tmp_path / "caffe.npz") as arrays:
        blobs = dict(arrays)
    np.savez(tmp_path / "big.npz", **{name: array.astype(">f4") for name, array in blobs.items()})
    convert_file(tmp_path / "big.npz", from_form="caffe", to_form="alexnet", out=tmp_path / "back.safetensors")
    assert same_bits(load_file(tmp_path / "back.safetensors"), dict(sorted(state.items())))
    np.savez(tmp_path / "whole.npz", **{**blobs, "fc8.bias": np.zeros(7, int)})
    refused(BadWeights, "fc8.bias in ", tmp_path / "whole.npz", "caffe", "alexnet", tmp_path)
    np.savez(tmp_path / "words.npz", **{**blobs, "fc8.bias": np.array(["a"])})
    refused(BadWeights, "is not an .npz file of numbers", tmp_path / "words.npz", "caffe", "alexnet", tmp_path)
    np.savez(tmp_path / "none.npz", **{**blobs, "fc8.bias": np.zeros(0, np.float32)})
    refused(BadWeights, "fc8.bias in ", tmp_path / "none.npz", "caffe", "alexnet", tmp_path)
