"""A trained model in use: every form of an image, the same answer; loading what was saved, and nothing that is damaged."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from alexnet.errors import AlexNetError, BadRun
from alexnet.inference.classifier import Classifier, Prediction, load
from alexnet.inference.inputs import ImageInput


@pytest.fixture(scope="module")
def classifier(digits_run: Path) -> Classifier:
    return load(digits_run)


@pytest.fixture(scope="module")
def path(digits_folder: Path) -> Path:
    return digits_folder / "3" / "0003.png"


def rgb(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def test_every_form_of_a_image_gives_the_same_answer(classifier: Classifier, path: Path) -> None:
    pixels = rgb(path)
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
    ]
    answers = classifier.predict(forms, top=10)
    assert {answer.top for answer in answers} == {answers[0].top}
    assert answers[0].top[0][0] == "3"
    assert sum(probability for _, probability in answers[0].top) == pytest.approx(1, abs=1e-3)
    assert [answer.file for answer in answers[:4]] == [str(path), str(path), "picture 3", "picture 4"]


def test_one_image_or_several(classifier: Classifier, path: Path) -> None:
    (single,) = classifier.predict(path)
    pixels = rgb(path)
    batch = np.stack([pixels, pixels])
    assert len(single.top) == 5
    for several in (batch, torch.from_numpy(batch), torch.from_numpy(batch).permute(0, 3, 1, 2), [pixels, pixels], (p for p in batch)):
        assert [answer.top for answer in classifier.predict(several)] == [single.top] * 2
    assert classifier.predict([]) == []


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
        (b"words", "no picture"),
        (np.zeros((8, 8, 3), np.float32), "pictures are uint8"),
        (np.zeros((8, 8, 4), np.uint8), "has shape (8, 8, 4)"),
        (np.zeros((0, 8, 3), np.uint8), "has shape"),
        (torch.zeros(8, dtype=torch.uint8), "has shape (8,)"),
    ],
)
def test_what_cannot_be_read_gets_a_reason_and_ends_nothing(classifier: Classifier, path: Path, image: object, reason: str) -> None:
    broken, fine = classifier.predict([image, path])  # type: ignore[list-item]  # the mistakes
    assert broken.top == ()
    assert broken.error is not None
    assert reason in broken.error
    assert fine.error is None
    assert broken.to_json() == {"file": broken.file, "top": [], "error": broken.error}


@pytest.mark.parametrize("views", ["centre", "ten", "any"])
def test_views(classifier: Classifier, path: Path, views: str) -> None:
    (answer,) = classifier.predict(path, views=views, top=1)  # type: ignore[arg-type]  # a word of View
    assert answer.top[0][0] == "3"


def test_words_that_are_wrong(classifier: Classifier, path: Path) -> None:
    with pytest.raises(AlexNetError, match="top is 0"):
        classifier.predict(path, top=0)
    with pytest.raises(AlexNetError, match="no view 'front'"):
        classifier.predict(path, views="front")  # type: ignore[arg-type]  # the mistake


def test_scores_and_probabilities_agree(classifier: Classifier, path: Path) -> None:
    size = classifier.card.preprocess.stored_size
    images = torch.randint(0, 256, (5, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    softmax = torch.softmax(classifier.scores(images), dim=1)
    assert torch.allclose(softmax, classifier.probabilities(images), atol=0.03)  # one of them may compute in bf16
    assert classifier.predict(path, top=99)[0].top == classifier.predict(path, top=10)[0].top


def test_saving_and_loading_keeps_the_answers(classifier: Classifier, path: Path, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model")
    again = load(tmp_path)
    assert again.card == classifier.card
    assert again.predict(path) == classifier.predict(path)
    assert load(tmp_path / "model").predict(path) == classifier.predict(path)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]


def test_a_run_of_another_version_is_refused(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    card = run / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
    with pytest.raises(BadRun, match="another version of alexnet"):
        load(run)


def test_nothing_that_could_run_code_is_in_a_run(digits_run: Path) -> None:
    endings = {file.suffix for file in digits_run.rglob("*") if file.is_file()}
    assert endings == {".toml", ".json", ".jsonl", ".csv", ".html", ".safetensors"}


def test_predictions_as_json() -> None:
    answer = Prediction("a.png", (("cat", 0.5),))
    assert answer.to_json() == {"file": "a.png", "top": [{"class": "cat", "probability": 0.5}], "error": None}
