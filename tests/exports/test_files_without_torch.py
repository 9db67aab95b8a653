"""From equal files, without PyTorch: the answers of the run, on a thousand photos."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from alexnet.exports.export import export
from alexnet.inference.classifier import load
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.runs.train import train

IMAGES, EQUAL = 1_000, 0.995


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_thousand_photos_have_the_same_answers(shared_data: Path, tmp_path: Path) -> None:
    """Decoded and resized by Pillow, computed by ONNX Runtime, against torchvision's decoder and PyTorch in the run's own precision."""
    archive = shared_data / "sign-digits.zip"
    width = {"network.width": 0.25}
    trained = train(archive, model="alexnet", image_size=67, epochs=25, out=tmp_path / "run", baseline=False, overrides=width)
    assert trained.test_error is not None
    assert trained.test_error < 0.2  # a network that guesses changes its mind with the last bit
    done = export(tmp_path / "run")
    with ZipFile(archive) as photos:
        names = [name for name in photos.namelist() if name.lower().endswith((".jpg", ".jpeg", ".png"))]
        chosen = names[:: len(names) // IMAGES][:IMAGES]
        photos.extractall(tmp_path / "photos", chosen)
    files = [tmp_path / "photos" / name for name in chosen]
    assert len(files) == IMAGES
    run, exported = (one.predict(files, top=1) for one in (load(tmp_path / "run"), OnnxClassifier(done.file)))
    equal = [one.top[0][0] == other.top[0][0] for one, other in zip(run, exported, strict=True)]
    assert sum(equal) >= EQUAL * IMAGES
