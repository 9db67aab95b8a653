"""`/v1`: answers equal the classifier's, for every way of sending images; and every refusal has its status and reason."""

import base64
import io
import socket
import time
import zlib
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.serve.conftest import TOKEN, client_of

import alexnet
from alexnet.serve.limits import Limits


@pytest.fixture(scope="module")
def files(digits_folder: Path) -> list[Path]:
    return sorted(digits_folder.rglob("*.png"))[::10]


def sent(files: list[Path]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Files as the parts of a multipart request."""
    return [("files", (path.name, path.read_bytes(), "image/png")) for path in files]


def test_answers_are_those_of_the_classifier(client: httpx.Client, digits_run: Path, files: list[Path]) -> None:
    answer = client.post("/v1/predict?top=3", files=sent(files)).json()
    ours = alexnet.load(digits_run).predict(files, top=3)
    assert answer["model"] == digits_run.name
    assert [one["file"] for one in answer["predictions"]] == [path.name for path in files]
    for got, expected in zip(answer["predictions"], ours, strict=True):
        assert got["error"] is None
        assert [one["class"] for one in got["top"]] == [name for name, _ in expected.top]
        assert [one["probability"] for one in got["top"]] == pytest.approx([value for _, value in expected.top], abs=0.05)


def test_json_and_a_raw_body_answer_as_multipart_does(client: httpx.Client, files: list[Path]) -> None:
    content = files[0].read_bytes()
    first = client.post("/v1/predict", files=sent(files[:1])).json()["predictions"][0]["top"]
    encoded = client.post("/v1/predict", json={"images": [base64.b64encode(content).decode()] * 2}).json()["predictions"]
    raw = client.post("/v1/predict", content=content, headers={"content-type": "image/png"}).json()["predictions"]
    assert [one["file"] for one in encoded] == ["image 1", "image 2"]
    for one in (*encoded, *raw):
        assert [(top["class"], pytest.approx(top["probability"], abs=0.01)) for top in first] == [
            (top["class"], top["probability"]) for top in one["top"]
        ]


def test_an_unreadable_image_beside_a_readable_one(client: httpx.Client, files: list[Path]) -> None:
    parts = [*sent(files[:1]), ("files", ("../../etc/\x1bcut.png", files[0].read_bytes()[:60], "image/png"))]
    answer = client.post("/v1/predict", files=parts)
    assert answer.status_code == 200
    _, cut = answer.json()["predictions"]
    assert cut["top"] == []
    assert cut["error"]
    assert "/" not in cut["file"]
    assert "\x1b" not in cut["file"]


def bomb(side: int) -> bytes:
    """A PNG whose header promises side x side pixels, compressed to a thousandth."""
    rows = zlib.compress(bytes(side // 8 + 1) * side, 9)
    out = io.BytesIO()
    Image.new("1", (8, 8)).save(out, "PNG")
    head = bytearray(out.getvalue()[:33])
    head[16:24] = side.to_bytes(4, "big") * 2
    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4, "big")
    data = b"IDAT" + rows
    return bytes(head) + len(rows).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no image"),
        (b"hello", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (bomb(30_000), "the limit is"),
        (bomb(7_100), "the limit is"),
    ],
    ids=["empty", "text", "postscript", "svg", "bomb", "large"],
)
def test_what_is_no_image(client: httpx.Client, content: bytes, reason: str) -> None:
    answer = client.post("/v1/predict", content=content, headers={"content-type": "image/png"})
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"images": ["%%%"]}', "application/json", 422),
        (b'{"images": "x"}', "application/json", 422),
        (b'{"images": []}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422),
        (b"--x--", "multipart/form-data; boundary=x", 422),
        (b"x", "multipart/form-data", 422),
        (b"x", "text/plain", 415),
        (b"x", "", 415),
        (b"", "application/json", 422),
        (b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file\r\n--x--\r\n', "multipart/form-data; boundary=x", 422),
    ],
)
def test_damaged_bodies(client: httpx.Client, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/v1/predict", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_wrong_values_and_unknown_models(client: httpx.Client, files: list[Path]) -> None:
    assert client.post("/v1/predict?top=0", files=sent(files[:1])).status_code == 422
    assert client.post("/v1/predict?top=many", files=sent(files[:1])).json()["error"].startswith("top: ")
    unknown = client.post("/v1/predict?model=digits", files=sent(files[:1]))
    assert unknown.status_code == 404
    assert "Did you mean 'digits run ü'?" in unknown.json()["error"]
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/nowhere").json() == {"error": "Not Found"}
    assert client.post("/v1/predict", content=b"x", headers={"content-type": "image/png", "content-encoding": "gzip"}).status_code == 415


def test_limits_of_size_and_number(digits_run: Path, files: list[Path]) -> None:
    with client_of(digits_run, limits=Limits(body_bytes=4_000, images=2, images_in_flight=3, top=2)) as client:
        assert len(client.post("/v1/predict", files=sent(files[:1])).json()["predictions"][0]["top"]) == 2
        too_many = client.post("/v1/predict", files=sent(files[:3]))
        assert (too_many.status_code, "3 images; the limit" in too_many.json()["error"]) == (413, True)
        assert client.post("/v1/predict", content=b"x" * 4_001, headers={"content-type": "image/png"}).status_code == 413
        chunks = (b"x" * 1_000 for _ in range(10))  # no length is announced
        assert client.post("/v1/predict", content=chunks, headers={"content-type": "image/png"}).status_code == 413
        assert client.post("/v1/predict", files=sent(files[:2])).status_code == 200, "what was refused has left no trace"
    with client_of(digits_run, limits=Limits(images_in_flight=1)) as client:
        busy = client.post("/v1/predict", files=sent(files[:2]))
        assert busy.status_code == 503
        assert int(busy.headers["retry-after"]) >= 1
    with client_of(digits_run, limits=Limits(answer_seconds=0.0)) as client:
        late = client.post("/v1/predict", files=sent(files[:1]))
        assert (late.status_code, "retry-after" in late.headers) == (503, True)


def test_who_still_sends_a_refused_body_gets_the_answer(digits_run: Path) -> None:
    """A connection that is closed on bytes nobody read is reset by the system, and the answer is lost."""
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    with client_of(digits_run, limits=Limits(body_bytes=4_000)) as client:
        assert client.base_url.port is not None
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=30) as connection:
            connection.sendall(head)
            for _ in range(10):
                connection.sendall(b"3e8\r\n" + 1_000 * b"x" + b"\r\n")
                time.sleep(0.05)
            connection.sendall(b"0\r\n\r\n")
            time.sleep(0.1)
            assert connection.recv(1_000).startswith(b"HTTP/1.1 413")


def test_models_health_and_figures(client: httpx.Client, digits_run: Path, files: list[Path]) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["name"], model["classes"], model["model"]) == (digits_run.name, list("0123456789"), "lenet")
    assert client.get(f"/v1/models/{digits_run.name}").json() == model
    assert client.get("/v1/models/nothing").status_code == 404
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    client.post("/v1/predict", files=sent(files[:2]))
    figures = client.get("/metrics").text
    assert f'alexnet_images_total{{model="{digits_run.name}"}}' in figures
    assert 'alexnet_requests_total{route="/v1/predict",status="200"}' in figures
    assert "alexnet_images_in_flight 0.0" in figures
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/predict", "/v1/models", "/healthz", "/readyz", "/metrics"} <= set(paths)
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_security_headers_are_on_every_answer(client: httpx.Client) -> None:
    for path in ("/healthz", "/nowhere", "/v1/models"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_pages_of_other_sites_are_refused(client: httpx.Client, files: list[Path]) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert client.post("/v1/predict", files=sent(files[:1]), headers=headers).status_code == 403
    own = {"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert client.post("/v1/predict", files=sent(files[:1]), headers=own).status_code == 200
    assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 421, "a name that resolves to 127.0.0.1"
    assert client.get("/v1/models", headers={"host": "[::1"}).status_code == 421
    for host in ("127.0.0.1.evil.example", "", "127.0.0.256", "0.0.0.0"):
        assert client.get("/v1/models", headers={"host": host}).status_code == 421
    for host in ("LOCALHOST:1", "[::1]:8000", "127.0.0.5:8000"):
        assert client.get("/v1/models", headers={"host": host}).status_code == 200, "addresses of this machine alone"


def test_a_token(digits_run: Path, files: list[Path]) -> None:
    with client_of(digits_run, token=TOKEN) as client:
        assert client.get("/healthz").status_code == 200, "whoever watches the process needs no token"
        refused = client.get("/v1/models")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert client.post("/v1/predict", files=sent(files[:1]), headers={"authorization": f"Bearer {TOKEN}x"}).status_code == 401
        assert client.post("/v1/predict", files=sent(files[:1]), headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/?token=wrong", follow_redirects=False).status_code == 401
        link = client.get(f"/?token={TOKEN}", follow_redirects=False)
        assert (link.status_code, link.headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in link.headers["set-cookie"].split(";")}
        assert client.get("/v1/models").status_code == 200, "the cookie stands for the token"
