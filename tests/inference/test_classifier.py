"""A trained model in use: every form of an image, the same answer; loading what was saved, and nothing that is damaged."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from alexnet.errors import AlexNetError, BadModel, BadRun
from alexnet.inference.classifier import BATCH, ROUNDING, Classifier, load
from alexnet.inference.inputs import ImageInput
from alexnet.inference.prediction import Prediction
from alexnet.models.networks.model import NetworkModel
from alexnet.runtime.device import Precision, choose_precision
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.thread_pool import AHEAD


@pytest.fixture(scope="module")
def classifier(digits_run: Path) -> Classifier:
    return load(digits_run)


@pytest.fixture(scope="module")
def path(digits_folder: Path) -> Path:
    return digits_folder / "3" / "0003.png"


def rgb(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def same_answers(classifier: Classifier, found: Sequence[Prediction], expected: Sequence[Prediction]) -> None:
    """The same classes with the same probabilities, but for the rounding of batches."""
    for one, other in zip(found, expected, strict=True):
        assert dict(one.top) == pytest.approx(dict(other.top), abs=ROUNDING[classifier.precision])
        assert one.error is None
        assert one.top


def test_every_form_of_an_image_gives_the_same_answer(classifier: Classifier, path: Path) -> None:
    pixels = rgb(path)
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    file = path.open("rb")
    forms: list[ImageInput] = [
        path,
        str(path),
        path.read_bytes(),
        Image.open(path),
        pixels,
        torch.from_numpy(pixels.copy()),
        torch.from_numpy(pixels.copy()).permute(2, 0, 1),
        pixels.transpose(2, 0, 1),
        pixels[..., 0],
        pixels[..., :1],
        pixels[None, ..., 0],
        opaque,
        opaque.transpose(2, 0, 1),
        bytearray(path.read_bytes()),
        memoryview(path.read_bytes()),
        io.BytesIO(path.read_bytes()),
        file,
    ]
    answers = classifier.predict(forms, top=10)
    file.close()
    same_answers(classifier, answers, [answers[0]] * len(forms))
    assert answers[0].top[0][0] == "3"
    assert sum(probability for _, probability in answers[0].top) == pytest.approx(1, abs=1e-3)
    assert [answer.file for answer in answers[:4]] == [str(path), str(path), "picture 3", "picture 4"]
    assert [answer.file for answer in answers[-2:]] == ["picture 16", str(path)]


def test_images_of_several_sizes_in_one_array(classifier: Classifier, path: Path, shared_data: Path) -> None:
    objects = np.empty((2, 2), object)
    objects[:] = [[path, rgb(path)], [str(path), Image.open(path).resize((30, 20))]]
    answers = classifier.predict(objects)
    same_answers(classifier, answers[:3], classifier.predict([path] * 3))
    assert answers[3].error is None
    same_answers(classifier, classifier.predict(np.array([str(path)] * 2)), classifier.predict([path] * 2))


def test_arrays_of_several_images_among_others(classifier: Classifier, path: Path) -> None:
    """A list may mix single images with batches; answers are numbered through."""
    gray = rgb(path)[..., 0]
    answers = classifier.predict([path, np.stack([gray] * 5), b"", np.stack([rgb(path)] * 2)])
    assert [answer.file for answer in answers] == [str(path), *(f"picture {number}" for number in range(2, 10))]
    assert [answer.error for answer in answers] == [None] * 6 + ["is empty"] + [None] * 2
    same_answers(classifier, [answer for answer in answers if answer.top], classifier.predict([path] * 8))


def test_one_image_or_several(classifier: Classifier, path: Path) -> None:
    (single,) = classifier.predict(path)
    pixels = rgb(path)
    batch = np.stack([pixels, pixels])
    assert len(single.top) == 5
    gray = np.stack([pixels[..., 0]] * 2)
    tensors = (torch.from_numpy(batch), torch.from_numpy(batch).permute(0, 3, 1, 2), torch.from_numpy(gray))
    for several in (batch, *tensors, gray, gray[..., None], gray[:, None], [pixels, pixels], (p for p in batch), iter([path, path])):
        same_answers(classifier, classifier.predict(several), [single] * 2)
    assert classifier.predict([]) == []
    assert classifier.predict(batch[:0]) == []


def test_an_image_gets_the_same_answer_in_any_batch(classifier: Classifier, digits_folder: Path) -> None:
    """Alone, among 150 others, at the end of a batch: by no more than rounding; and the answers come in the order of the images."""
    paths = sorted(digits_folder.rglob("*.png"))[:: 300 // (2 * BATCH + 22)]
    together = classifier.predict(paths, top=10)
    assert [answer.file for answer in together] == [str(path) for path in paths]
    alone = [classifier.predict(path, top=10)[0] for path in paths[:: BATCH // 2]]
    same_answers(classifier, together[:: BATCH // 2], alone)
    same_answers(classifier, classifier.predict(reversed(paths), top=10), together[::-1])


def test_whole_images_of_many_shapes_get_their_own_answers(classifier: Classifier, digits_folder: Path) -> None:
    paths = sorted(digits_folder.rglob("*.png"))[::20]
    images = [Image.open(path).resize((10 + 3 * (number % 4), 10)) for number, path in enumerate(paths)]
    together = classifier.predict(images, top=10, views="any")
    alone = [replace(classifier.predict(image, top=10, views="any")[0], file=f"picture {n}") for n, image in enumerate(images, start=1)]
    same_answers(classifier, together, alone)


def test_memory_does_not_grow_with_the_number_of_images(classifier: Classifier, path: Path) -> None:
    """Of the images that an iterator makes, only a batch and those few that the threads have begun wait to be scored."""
    begun = scored = most = 0
    content = path.read_bytes()

    def images() -> Iterator[bytes]:
        nonlocal begun, most
        for _ in range(12 * BATCH):
            begun += 1
            most = max(most, begun - scored)
            yield content

    def count(_: object, inputs: tuple[torch.Tensor]) -> None:
        nonlocal scored
        scored += len(inputs[0])

    watched = deepcopy(classifier)
    assert isinstance(watched.model, NetworkModel)
    watched.model.network.features.register_forward_pre_hook(count)
    assert len(watched.predict(images(), top=1)) == scored == 12 * BATCH
    assert most <= BATCH + 1 + AHEAD * available_cpus()


def test_a_buffer_that_the_caller_fills_again(classifier: Classifier, digits_folder: Path) -> None:
    """As a camera's frames: what was yielded counts, whatever becomes of the array; so with files that are closed again."""
    paths = sorted(digits_folder.rglob("*.png"))[:20]

    def frames() -> Iterator[NDArray[np.uint8]]:
        buffer = np.empty_like(rgb(paths[0]))
        for path in paths:
            buffer[:] = rgb(path)
            yield buffer

    def files() -> Iterator[BinaryIO]:
        for path in paths:
            with path.open("rb") as file:
                yield file

    expected = classifier.predict(paths)
    same_answers(classifier, classifier.predict(frames()), expected)
    same_answers(classifier, classifier.predict(files()), expected)


def test_pillow_images_are_read_as_files_are(classifier: Classifier, path: Path) -> None:
    """Turned by EXIF, transparent, CMYK, palette, 16 bits: opened by the caller or by us, the answer is the same."""
    digit = Image.open(path)
    exif = Image.Exif()
    exif[0x0112] = 8
    transparent = Image.merge("RGBA", [*Image.new("RGB", (8, 8), "red").split(), digit])
    sixteen = Image.fromarray(np.asarray(digit).astype(np.uint16) * 257)
    cases = [(digit, "PNG", exif), (transparent, "PNG", None), (digit.convert("CMYK"), "TIFF", None)]
    cases += [(digit.convert("P"), "PNG", None), (sixteen, "PNG", None)]
    for image, kind, tags in cases:
        content = io.BytesIO()
        image.save(content, kind, exif=tags) if tags else image.save(content, kind)
        by_bytes, by_pillow = classifier.predict([content.getvalue(), Image.open(io.BytesIO(content.getvalue()))], top=10)
        assert by_bytes.error is None
        assert by_bytes.top == by_pillow.top, (kind, image.mode)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Path("nowhere.png"), "cannot be opened: No such file"),
        (Path(), "cannot be opened"),
        (b"", "is empty"),
        (b"words", "is not a picture in a known format"),
        (np.zeros((8, 8, 3), np.float32), "pictures are uint8"),
        (np.zeros((8, 3, 9, 4, 8), np.uint8), "has shape (8, 3, 9, 4, 8)"),
        (np.zeros((0, 8, 3), np.uint8), "has shape"),
        (torch.zeros(8, dtype=torch.uint8), "has shape (8,)"),
        (None, "is None, which is no path, encoded image, open file"),
        (3, "is 3, which is no path"),
        ([], "is [], which is no path"),
        ("", "cannot be opened"),
        ("\0", "cannot be opened"),
        ("\ud800", "cannot be opened"),
        (io.StringIO("x"), "is a file opened as text; open it with mode 'rb'"),
    ],
)
def test_what_cannot_be_read_gets_a_reason_and_ends_nothing(classifier: Classifier, path: Path, image: object, reason: str) -> None:
    broken, fine = classifier.predict([image, path])  # type: ignore[list-item]  # the mistakes
    assert broken.top == ()
    assert broken.error is not None
    assert reason in broken.error
    assert fine.error is None
    assert broken.to_json() == {"file": broken.file, "top": [], "error": broken.error, "unlike": None}


@pytest.mark.parametrize("views", ["centre", "ten", "any"])
def test_views(classifier: Classifier, path: Path, views: str) -> None:
    (answer,) = classifier.predict(path, views=views, top=1)  # type: ignore[arg-type]  # a word of View
    assert answer.top[0][0] == "3"


def test_words_that_are_wrong(classifier: Classifier, path: Path) -> None:
    with pytest.raises(AlexNetError, match="top is 0"):
        classifier.predict(path, top=0)
    with pytest.raises(AlexNetError, match="no view 'front'"):
        classifier.predict(path, views="front")  # type: ignore[arg-type]  # the mistake
    for nothing in (None, 3, object()):
        with pytest.raises(AlexNetError, match="no path, encoded image, open file"):
            classifier.predict(nothing)  # type: ignore[arg-type]  # the mistake


def test_a_closed_file(classifier: Classifier, path: Path) -> None:
    with path.open("rb") as file:
        pass
    (answer,) = classifier.predict(file)
    assert answer.error == "cannot be read: read of closed file"


def test_scores_that_are_not_finite_name_their_image(classifier: Classifier, path: Path) -> None:
    broken = deepcopy(classifier)
    for weights in broken.model.parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(BadModel, match=r"0003.png are not finite: its weights are damaged or have diverged"):
        broken.predict([b"", path])


def test_scores_and_probabilities_agree(classifier: Classifier, path: Path) -> None:
    size = classifier.model_card.preprocess.stored_size
    images = torch.randint(0, 256, (5, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    softmax = torch.softmax(classifier.scores(images), dim=1)
    assert torch.allclose(softmax, classifier.probabilities(images), atol=0.03)  # one of them may compute in bf16
    assert classifier.predict(path, top=99)[0].top == classifier.predict(path, top=10)[0].top


def test_saving_and_loading_keeps_the_answers(classifier: Classifier, path: Path, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model")
    again = load(tmp_path)
    assert again.model_card == classifier.model_card
    assert again.predict(path) == classifier.predict(path)
    assert load(tmp_path / "model").predict(path) == classifier.predict(path)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["familiarity.safetensors", "model.json", "model.safetensors"]


def test_a_run_of_another_version_is_refused(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    card = run / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
    with pytest.raises(BadRun, match="another version of alexnet"):
        load(run)


def test_the_precision_of_the_training_is_kept_with_the_model(classifier: Classifier, path: Path, tmp_path: Path) -> None:
    """Cards of earlier versions do not say it: then the device chooses."""
    own = choose_precision("auto", classifier.device)
    expected: dict[Precision | None, Precision] = {None: own, "fp32": "fp32", "fp64": "fp64", "bf16": own}
    for trained, used in expected.items():
        Classifier(classifier.model, replace(classifier.model_card, precision=trained)).save(tmp_path / str(trained))
        again = load(tmp_path / str(trained))
        assert (again.model_card.precision, again.precision) == (trained, used)
        assert dict(again.predict(path)[0].top) == pytest.approx(dict(classifier.predict(path)[0].top), abs=ROUNDING["bf16"])
    assert "precision" not in json.loads((tmp_path / "None" / "model.json").read_text())


def test_weights_of_double_precision_are_not_rounded(classifier: Classifier, path: Path, tmp_path: Path) -> None:
    exact = deepcopy(classifier.model).double()
    for weights in exact.parameters():
        weights.data += 1e-9 * torch.randn(weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    Classifier(exact, replace(classifier.model_card, precision="fp64")).save(tmp_path)
    again = load(tmp_path)
    assert all(torch.equal(value, again.model.learned()[name]) for name, value in exact.learned().items())
    assert again.predict(path)[0].error is None


def test_a_precision_that_is_none(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    card = run / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"precision": "fp12"}))
    with pytest.raises(BadRun, match=r"model\.json is damaged"):
        load(run)


def test_nothing_that_could_run_code_is_in_a_run(digits_run: Path) -> None:
    endings = {file.suffix for file in digits_run.rglob("*") if file.is_file() and file.name not in (".lock", "kept")}
    assert endings == {".toml", ".json", ".jsonl", ".csv", ".html", ".safetensors"}


def test_predictions_as_json() -> None:
    answer = Prediction("a.png", (("cat", 0.5),))
    assert answer.to_json() == {"file": "a.png", "top": [{"class": "cat", "probability": 0.5}], "error": None, "unlike": None}
