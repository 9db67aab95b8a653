"""What leaves the program and what comes in from outside: exported models with changed bytes, and a service that is sent rubbish."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks import attacked
from tests.exports.compressed import compressed_content, resigned
from tests.mutations import EXAMPLES, mutations
from tests.serve.conftest import client_of
from tests.test_tampered_runs import tampered

from alexnet.errors import AlexNetError
from alexnet.inference.classifier import load
from alexnet.inference.compressed_file import PRELUDE
from alexnet.inference.onnx_classifier import OnnxClassifier
from alexnet.runtime.events import silent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

REFUSED = {400, 404, 405, 411, 413, 415, 422}  # what a client may be told; never 500


@pytest.fixture(scope="module")
def image(digits_folder: Path) -> bytes:
    return next((digits_folder / "3").iterdir()).read_bytes()


@pytest.fixture(scope="module")
def service(digits_run: Path) -> Iterator[httpx.Client]:
    with client_of(digits_run) as client:
        yield client


def test_an_exported_model(digits_run: Path, image: bytes, tmp_path: Path) -> None:
    from alexnet.exports.export import export

    made = export(digits_run, out=tmp_path / "digits.onnx")
    for number, changed in enumerate(mutations(Path(made.file).read_bytes(), seed=6)):
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(changed)
        attacked("exported models with changed bytes")
        try:
            assert OnnxClassifier(file).predict([image])[0].top
        except AlexNetError as error:
            assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
            assert "Traceback" not in str(error)  # noqa: PT017
        file.unlink()


@pytest.mark.parametrize("route", ["/v1/predict", "/v1/explain"])
def test_images_sent_to_a_service(route: str, service: httpx.Client, image: bytes) -> None:
    for changed in mutations(image, seed=7):
        attacked(f"images sent to {route}")
        answer = service.post(route, files={"file": ("photo.png", changed, "image/png")})
        assert answer.status_code in {200} | REFUSED, answer.text
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("route", ["/v1/predict", "/v2/models/{name}/infer"])
def test_bodies_sent_to_a_service(route: str, service: httpx.Client, image: bytes) -> None:
    name = service.get("/v1/models").json()["models"][0]["name"]
    encoded = base64.b64encode(image).decode()
    tensor = {"name": "encoded", "shape": [1], "datatype": "BYTES", "data": [encoded]}
    bodies = {"/v1/predict": {"images": [encoded], "top": 3}, "/v2/models/{name}/infer": {"inputs": [tensor]}}
    content, kind = json.dumps(bodies[route]).encode(), {"content-type": "application/json"}
    assert service.post(route.format(name=name), content=content, headers=kind).status_code == 200
    for changed in mutations(content, seed=8):
        attacked("bodies sent to a service")
        answer = service.post(route.format(name=name), content=changed, headers=kind)
        assert answer.status_code in {200} | REFUSED, answer.text
        assert "Traceback" not in answer.text
    assert service.get("/readyz").status_code == 200


def test_a_compressed_model(digits_run: Path, image: bytes, tmp_path: Path) -> None:
    """Changed bytes, and the same with a checksum that fits, so that what is behind it is reached."""
    content = compressed_content(digits_run)
    file = tmp_path / "digits.alexnet"
    for changed in mutations(content, seed=9):
        for one in (changed, resigned(changed)) if len(changed) >= PRELUDE.size else (changed,):
            file.write_bytes(one)
            attacked("compressed models with changed bytes")
            try:
                assert load(file).predict([image])[0].top
            except AlexNetError as error:
                assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
                assert "Traceback" not in str(error)  # noqa: PT017


def test_the_runtime_of_a_page_for_browsers(onnxruntime_web: Path, tmp_path: Path) -> None:
    """An archive with a single changed byte is not what was published, and nothing of it is used."""
    from alexnet.exports.web_runtime import web_runtime

    content, file = onnxruntime_web.read_bytes(), tmp_path / "onnxruntime-web.tgz"
    assert web_runtime(onnxruntime_web, silent) == onnxruntime_web
    for changed in mutations(content, seed=13, count=EXAMPLES // 4):
        file.write_bytes(changed)
        if changed != content:
            with pytest.raises(AlexNetError, match="SHA-512 differs"):
                web_runtime(file, silent)
            attacked("archives of the browser's runtime with changed bytes")


@settings(max_examples=max(10, EXAMPLES // 4))
@given(data=st.data())
def test_a_changed_run_for_browsers(
    data: st.DataObject, digits_run: Path, onnxruntime_web: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Exported as a whole, or refused with nothing left under its name."""
    from alexnet.exports.export import export

    folder = tmp_path_factory.mktemp("web")
    run, out = shutil.copytree(digits_run, folder / "run"), folder / "page"
    name = data.draw(st.sampled_from(["model/model.json", "model/model.json", "splits.json", "recipe.toml"]))
    (run / name).write_bytes(tampered(data, digits_run / name))
    attacked("runs changed, then exported for browsers")
    try:
        export(run, to="web", runtime=onnxruntime_web, out=out, listen=silent)
        described = json.loads((out / "model.json").read_text("utf-8"))
        assert len(described["classes"]) == 10
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception
        assert not out.exists()
    assert not [path for path in folder.iterdir() if path.name.endswith(".partial")]
    shutil.rmtree(folder)
