"""The studio killed in the middle of an upload: no half image, no part of an archive, and the next studio takes more."""

import io
import random
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.attacks import attacked
from tests.fire.programs import begin, killed
from tests.studio.conftest import TOKEN, running_studio, until
from tests.studio.test_datasets import send_archive
from tests.test_mutated_files import image_bytes

from alexnet.studio.adding import own_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

IN_ARCHIVE = 150  # images


def running(runs: Path, log: Path, cache: Path) -> tuple[Any, str]:
    """A studio as a process of its own, and its address."""
    words: list[str | Path] = ["studio", runs, "--port", "0", "--no-browser", "--token", TOKEN]
    process = begin(words, log, environment={"ALEXNET_CACHE": str(cache)})
    until(lambda: " is at " in log.read_text("utf-8", "replace"), 60)
    return process, log.read_text("utf-8").split(" is at ")[1].split("?")[0]


def archive_of_images() -> bytes:
    """Three classes of images, in a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(IN_ARCHIVE):
            archive.writestr(f"{number % 3}/{number}.png", image_bytes(number))
    return out.getvalue()


def send_until_killed(process: Any, address: str, name: str, sent: list[bytes], archive: bytes, chance: random.Random) -> None:
    """Into a running studio: an archive into a new data set, images into an old one, and half an image at the moment of its death."""
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        for made in ("digits", name):
            client.post("/api/data", json={"name": made})
        client.post("/api/data/digits/classes", json={"name": "0"})
        ends = time.monotonic() + chance.uniform(0.0, 0.5)
        client.put(f"/api/data/{name}/archive", content=archive)
        while time.monotonic() < ends:
            added = client.put("/api/data/digits/images", params={"class_name": "0"}, content=chance.choice(sent))
            assert added.status_code == 200, added.text
        host, port = client.base_url.host, client.base_url.port
    with socket.create_connection((host, port or 80)) as half:
        line = f"PUT /api/data/digits/images?class_name=0 HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        half.sendall(f"{line}Content-Length: 100000\r\n\r\n".encode() + sent[0])
        time.sleep(chance.uniform(0.0, 0.1))
        killed(process)


def images_in(client: httpx.Client, name: str) -> int:
    found = client.get(f"/api/data/{name}").json()["counts"]
    return sum(sum(of_class.values()) for of_class in found.values())


def test_a_studio_that_is_killed_in_an_upload(images: dict[str, list[Path]], tmp_path: Path, chance: random.Random, hardness: int) -> None:
    """kill -9: no half image is in a data set, all of an archive or nothing; what was there stays, and the next studio takes more."""
    runs, sent, archive = tmp_path / "runs", [path.read_bytes() for path in images["0"]], archive_of_images()
    uploads, kept, attempts = runs / ".studio" / "uploads", set[Path](), 4 * hardness
    for attempt in range(attempts):
        process, address = running(runs, tmp_path / f"log {attempt}", tmp_path / "cache")
        assert not any(uploads.iterdir()), "an earlier studio left it"
        assert kept <= set((runs / "data").rglob("*.png"))
        send_until_killed(process, address, f"new-{attempt}", sent, archive, chance)
        kept = set((runs / "data").rglob("*.png"))
        assert all(path.name == own_name(path.read_bytes(), ".png") for path in kept), "half of an image"
    with running_studio(runs) as (_, client):
        arrived = [images_in(client, f"new-{attempt}") for attempt in range(attempts)]
        assert set(arrived) <= {0, IN_ARCHIVE}, "a part of an archive"
        assert send_archive(client, archive, "new-0")["problem"] is None
        assert images_in(client, "new-0") == IN_ARCHIVE
        assert list(uploads.iterdir()) == []
    attacked("killed: the studio in an upload", attempts)
    attacked("archives of a killed studio that had arrived, as a whole", arrived.count(IN_ARCHIVE))
