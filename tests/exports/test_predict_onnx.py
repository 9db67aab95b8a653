"""Prediction from an exported file: the answers of the run, without PyTorch, and clear words for a file that is not one of ours."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from alexnet.cli import main
from alexnet.data.images.decode import decode
from alexnet.data.images.pillow import decode_pixels
from alexnet.data.images.resize import fit_square
from alexnet.data.images.resize_pixels import fit_square_pixels
from alexnet.data.open import open_dataset
from alexnet.data.preprocess import Fit
from alexnet.errors import AlexNetError, BadModel, UnreadableImage
from alexnet.inference.classifier import load
from alexnet.inference.exported import ExportRecord, from_metadata, to_metadata
from alexnet.inference.inputs import ImageInput
from alexnet.inference.onnx_classifier import OnnxClassifier, SquareView
from alexnet.inference.onnx_file import read_onnx

CLOSE = 0.02  # of a probability: the run is in bf16 where the machine has it


def test_the_answers_are_the_runs(digits_run: Path, digits_folder: Path, digits_onnx: Path) -> None:
    run, file = load(digits_run), OnnxClassifier(digits_onnx)
    images = sorted(digits_folder.rglob("*.png"))[:70]  # more than a batch
    assert file.classes == run.classes
    for one, other in zip(run.predict(images, top=10), file.predict(images, top=10), strict=True):
        assert other.file == one.file
        assert dict(one.top) == pytest.approx(dict(other.top), abs=CLOSE)


@pytest.mark.parametrize("margin", [0, 3])
@pytest.mark.parametrize("view", ["ten", "shifted"])
def test_several_views_are_those_of_evaluation(digits_run: Path, digits_onnx: Path, view: SquareView, margin: int) -> None:
    """A record with other sizes, so that there are corners, and mirror images."""
    run, file = load(digits_run), OnnxClassifier(digits_onnx)
    stored = run.model.image_size + margin
    object.__setattr__(file.record, "stored_size", stored)
    object.__setattr__(file.record, "flip", True)
    squares = np.random.default_rng(0).integers(0, 256, (4, 3, stored, stored), dtype=np.uint8)
    from alexnet.evaluation.views import view_probabilities

    with torch.inference_mode():
        expected = view_probabilities(run.model, torch.from_numpy(squares), view, flip=True).numpy()
    np.testing.assert_allclose(file.probabilities(squares, view=view), expected, atol=1e-5)


def test_every_kind_of_input(digits_folder: Path, digits_onnx: Path, tmp_path: Path) -> None:
    file, path = OnnxClassifier(digits_onnx), digits_folder / "3" / "0003.png"
    pixels = np.asarray(Image.open(path).convert("RGB"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(path.read_bytes()[:60])
    forms: list[ImageInput] = [
        path,
        str(path),
        path.read_bytes(),
        Image.open(path),
        pixels,
        pixels.transpose(2, 0, 1),
        torch.from_numpy(pixels.copy()),
    ]
    answers = file.predict([*forms, broken, tmp_path / "none.png"])
    assert len({answer.top for answer in answers[: len(forms)]}) == 1
    assert [bool(answer.error) for answer in answers[len(forms) :]] == [True, True]
    assert file.predict(UnreadableImage("x", "is lost"))[0].error == "is lost"


@pytest.mark.parametrize("how", ["crop", "squash"])
def test_pixels_within_one_gray_level(shared_data: Path, how: Fit) -> None:
    """Decoded and resized without PyTorch, against the pixels that networks are trained on."""
    photos = open_dataset(shared_data / "clothing.zip")
    differences = []
    for index in range(0, len(photos.items), len(photos.items) // 30):
        content, name = photos.content(index), photos.items[index].name
        for size in (32, 256):
            ours = fit_square(decode(content, name), size, how).permute(1, 2, 0).numpy().astype(int)
            differences.append(np.abs(ours - fit_square_pixels(decode_pixels(content, name)[0], size, how)).max())
    assert len(differences) > 50
    assert max(differences) <= 1


def test_torch_is_never_imported(digits_folder: Path, digits_onnx: Path) -> None:
    code = (
        "import sys; from alexnet.cli import main; status = main(sys.argv[1:]); "
        "loaded = {'torch', 'torchvision', 'sklearn', 'scipy', 'matplotlib', 'onnx', 'jinja2'} & set(sys.modules); "
        "print(sorted(loaded), file=sys.stderr); sys.exit(status)"
    )
    words = ["predict", str(digits_onnx), str(digits_folder / "3"), "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    found = json.loads(done.stdout)["predictions"]
    assert set(found[0]) == {"file", "top", "error", "unlike"}
    assert set(found[0]["top"][0]) == {"class", "probability"}


def test_a_plain_prediction_loads_no_parser_and_answers_the_same(digits_folder: Path, digits_onnx: Path) -> None:
    """As the program itself, whose end is quicker too; what is in a pipe arrives whole."""
    image = str(digits_folder / "3" / "0003.png")
    plain = [sys.executable, "-m", "alexnet", "predict", str(digits_onnx), image]
    said = [subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in (plain, [*plain, "--top", "3"])]
    assert said[0] == said[1] != ""
    code = "import sys; from alexnet.cli import main; main(sys.argv[1:]); print(*{'cyclopts', 'rich', 'filelock'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *plain[3:]], capture_output=True, text=True, check=True)
    assert done.stdout == said[0] + "\n"
    missing = subprocess.run([*plain[:-1], "none.png"], capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "none.png" in missing.stderr


def test_openvino_answers_the_same(digits_folder: Path, digits_onnx: Path) -> None:
    images = sorted((digits_folder / "3").iterdir())[:5]
    by_both = [OnnxClassifier(digits_onnx, runtime=runtime).predict(images, top=10) for runtime in ("onnxruntime", "openvino")]
    for one, other in zip(*by_both, strict=True):
        assert dict(one.top) == pytest.approx(dict(other.top), abs=1e-4)


def test_the_file_says_how_a_photo_is_fitted(digits_run: Path, digits_onnx: Path) -> None:
    metadata = read_onnx(digits_onnx).metadata
    record = load(digits_run).model_card
    assert metadata["classes"].split("\n") == list(record.classes)
    assert "uint8 (N, 3, 28, 28), RGB" in metadata["input"]
    found = from_metadata(metadata, "x")
    assert (found.fit, found.stored_size, found.scores, found.model) == (
        record.preprocess.fit,
        record.preprocess.stored_size,
        record.scores,
        "lenet",
    )
    assert found.provenance["run"] == digits_run.name
    assert not any("/" in str(value) for value in found.provenance.values())  # no folders of the machine


def small(*, domain: str = "", external: bool = False, subgraph: bool = False, side: int = 4, metadata: bool = True) -> bytes:
    """A model of one node that looks like ours, with one thing wrong."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../../../etc/passwd")
    nodes = [
        helper.make_node("Cast", ["images"], ["a"], to=1),
        helper.make_node("ReduceMean", ["a"], ["b"], axes=[2, 3], keepdims=0),
        helper.make_node("Identity" if not domain else "Mine", ["b"], ["probabilities"], domain=domain),
    ]
    if subgraph:
        inner = helper.make_graph([helper.make_node("Constant", [], ["z"], value=weight)], "g", [], [])
        nodes.append(helper.make_node("If", ["b"], ["y"], then_branch=inner))
    takes = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 3, side, side])
    returns = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph(nodes, "g", [takes], [returns], [] if subgraph else [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    record = ExportRecord(
        model="x",
        classes=("a", "b", "c"),
        image_size=4,
        stored_size=4,
        fit="crop",
        channels=3,
        flip=False,
        provenance={},
        scores={},
        versions={},
    )
    if metadata:
        helper.set_model_props(model, to_metadata(record))
    return bytes(model.SerializeToString())


def with_changes(change: Callable[[dict[str, object]], object]) -> bytes:
    model = onnx.load_from_string(small())
    values = json.loads(next(one.value for one in model.metadata_props if one.key == "alexnet"))
    change(values)
    helper.set_model_props(model, {"alexnet": json.dumps(values)})
    return bytes(model.SerializeToString())


HOSTILE = {
    "empty": (b"", "it holds no graph"),
    "text": (b"what is this?", "is no ONNX model, or is damaged or cut short"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no ONNX model"),
    "cut": (small()[:-30], "bytes early|in the middle|holds no graph|damaged"),
    "cut early": (small()[:100], "bytes early"),
    "external": (small(external=True), "keeps its numbers in other files, whose paths are not followed"),
    "external, inside": (small(external=True, subgraph=True), "keeps its numbers in other files"),
    "custom operator": (small(domain="evil.ops"), r"uses the operator evil\.ops\.Mine, which is not one of ONNX's own"),
    "not ours": (small(metadata=False), "not one that `alexnet export` wrote"),
    "another shape": (small(side=5), r"takes images, tensor\(uint8\) .*; its record says images, uint8 \(N, 3, 4, 4\)"),
    "no classes": (with_changes(lambda values: values.update(classes=[])), "it has no classes"),
    "other classes": (with_changes(lambda values: values.update(classes=["a"])), "its record names 1 classes"),
    "a size that cannot be": (with_changes(lambda values: values.update(stored_size=1 << 40)), "are impossible"),
    "a damaged record": (with_changes(lambda values: values.update(fit="melt")), "fit is 'melt', and must be crop or squash"),
    "a later version": (with_changes(lambda values: values.update(format=99)), "another version of alexnet"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_foreign_or_damaged_file_gets_one_message(kind: str, tmp_path: Path) -> None:
    content, message = HOSTILE[kind]
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BadModel, match=message):
        OnnxClassifier(path)


def test_the_harmless_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(small())
    assert OnnxClassifier(path).predict(np.full((4, 4, 3), 7, np.uint8), top=1)[0].top == (("a", 7.0),)


def test_every_prefix_and_many_flipped_bytes(digits_onnx: Path, tmp_path: Path) -> None:
    """Whatever the bytes are: a model, or one message."""
    content, path = digits_onnx.read_bytes(), tmp_path / "model.onnx"
    draw = np.random.default_rng(0)
    for place in draw.integers(0, len(content), 12):
        path.write_bytes(content[:place])
        with pytest.raises(BadModel):
            OnnxClassifier(path)
    for place in draw.integers(0, 4_000, 12):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
        try:
            OnnxClassifier(path)
        except BadModel:
            continue


READ_AGAIN = """
import sys
from pathlib import Path
from alexnet.errors import BadModel
from alexnet.inference.onnx_file import read_onnx
refused = 0
for _ in range(200):
    try:
        read_onnx(Path(sys.argv[1]))
    except BadModel:
        refused += 1
print(refused)
"""


def test_a_file_that_is_cut_while_it_is_read_does_not_end_the_process(digits_onnx: Path, tmp_path: Path) -> None:
    """Mapped into memory, it did: by SIGBUS."""
    content, path = digits_onnx.read_bytes(), tmp_path / "model.onnx"
    path.write_bytes(content)
    with path.open("r+b", buffering=0) as file:
        reading = subprocess.Popen([sys.executable, "-c", READ_AGAIN, str(path)], stdout=subprocess.PIPE, text=True)
        while reading.poll() is None:
            file.seek(0)
            file.write(content)
            file.truncate(0)
        refused, _ = reading.communicate()
    assert reading.returncode == 0
    assert int(refused) > 0


def test_arguments(digits_onnx: Path, digits_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, image = OnnxClassifier(digits_onnx), digits_folder / "3" / "0003.png"
    with pytest.raises(AlexNetError, match="takes 28 x 28 pictures only; use --views centre, ten or shifted"):
        file.predict(image, views="any")
    with pytest.raises(AlexNetError, match="There is no runtime 'tensorrt'"):
        OnnxClassifier(digits_onnx, runtime="tensorrt")  # type: ignore[arg-type]  # the mistake
    assert main(["predict", str(digits_onnx), str(image), "--device", "cuda"]) == 2
    assert "An ONNX file is computed on the CPU" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "none.onnx"), str(image)]) == 2
    assert "cannot be opened (No such file or directory)" in capsys.readouterr().err
