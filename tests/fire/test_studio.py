"""The studio attacked by whoever has its link: each route that the application has, with odd bodies and names; its uploads."""

import fcntl
import io
import json
import logging
import random
import shutil
import socket
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.attacks import attacked
from tests.edits import BYTES, edits
from tests.mutations import EXAMPLES, mutations
from tests.studio.conftest import TOKEN, made_set, running_studio, until
from tests.studio.test_datasets import send_archive
from tests.test_mutated_files import ARCHIVES, class_folders, image_bytes

from alexnet.studio.adding import own_name
from alexnet.studio.verb import OpenStudio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

HOSTILE = [
    "", " ", ".", "..", "../..", "/etc/passwd", "a/b", "a\\b", "..%2f..%2fx", "\0", "a\0b", "\ud800", "\udcff", "\x1b[31mred",
    "\u202egnp.exe", "x" * 300, "猫" * 60, "splits.csv", "SPLITS.CSV", ".bin", ".studio", ".lock", "-x", "--help", "train", "data",
    "exports", "%00", "%", "=1+1", "{name}", "{0}", "<script>alert(1)</script>", "e\u0301", "digits", "digits-run", "0", "1",
    "99999999999999999999", "NaN",
]  # fmt: skip
PLAIN: dict[str, Any] = {"boolean": False, "number": 1, "integer": 1}
KNOWN = {"data": "digits", "run": "digits-run", "class_name": "0", "to": "1", "claim": "dropout", "model": "lenet", "target": "onnx"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a route, as the application describes it. inner, asked: the names of its parameters in the path and in the query."""

    method: str
    path: str
    inner: tuple[str, ...]
    asked: tuple[str, ...]
    body: Any  # a valid one; None where the route takes a file or nothing


def operations(app: Any, known: Mapping[str, str]) -> list[Operation]:
    """Every operation of the application."""
    described = app.openapi()
    schemas = described.get("components", {}).get("schemas", {})
    found = []
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            places = {place: tuple(p["name"] for p in one.get("parameters", ()) if p["in"] == place) for place in ("path", "query")}
            content = one.get("requestBody", {}).get("content", {}).get("application/json")
            body = example(content["schema"], "", schemas, known) if content else None
            found.append(Operation(method.upper(), path, places["path"], places["query"], body))
    return found


def example(schema: Mapping[str, Any], name: str, schemas: Mapping[str, Any], known: Mapping[str, str]) -> Any:
    """A value that a schema allows."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], name, schemas, known)
    match schema.get("type"):
        case "object":
            return {key: example(part, key, schemas, known) for key, part in schema["properties"].items()}
        case "array":
            return [example(schema["items"], name, schemas, known)]
        case "string":
            return known.get(name, "")
    return PLAIN.get(schema.get("type", ""), schema.get("default"))


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """A studio under attack: over one data set and one finished run, both as new before each request; its jobs never start."""

    opened: OpenStudio
    client: httpx.Client
    runs: Path
    pristine: Path
    image: bytes
    known: dict[str, str]

    def renew(self) -> None:
        """Put everything back as it was."""
        for name in ("data", "digits-run", "exports"):
            shutil.rmtree(self.runs / name, ignore_errors=True)
        shutil.copytree(self.pristine / "data", self.runs / "data")
        shutil.copytree(self.pristine / "digits-run", self.runs / "digits-run")
        for job in self.opened.studio.queue.jobs():
            if job.state() == "waiting":
                job.forget()

    def send(self, operation: Operation, chance: random.Random) -> httpx.Response:
        """One request with a valid or hostile name for each parameter, and an odd body."""
        path = operation.path
        for name in operation.inner:
            word = self._word(name, chance)
            path = path.replace(f"{{{name}}}", "".join(f"%{byte:02X}" for byte in word.encode("utf-8", "surrogatepass")))
        asked = {name: self._word(name, chance).encode("utf-8", "surrogatepass") for name in operation.asked if chance.random() < 0.8}
        content, kind = self._body(operation, chance)
        query = "&".join(f"{name}={quote(word)}" for name, word in asked.items())
        with self.client.stream(operation.method, f"{path}?{query}", content=content, headers=kind) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                next(answer.iter_lines(), "")  # it ends when nobody listens
            else:
                answer.read()
            return answer

    def _word(self, name: str, chance: random.Random) -> str:
        return self.known.get(name, "digits") if chance.random() < 0.6 else chance.choice(HOSTILE)

    def _body(self, operation: Operation, chance: random.Random) -> tuple[bytes | None, dict[str, str]]:
        kind = {"content-type": chance.choice(["application/json"] * 8 + ["text/plain", "application/x-www-form-urlencoded", ""])}
        if operation.method == "GET":
            return None, {}
        if operation.body is None:
            return chance.choice([self.image, b"", b"no image", *mutations(self.image, seed=chance.randrange(1_000), count=1)]), kind
        values = json.loads(json.dumps(operation.body))
        for change in chance.sample(edits(operation.body), chance.choice([0, 1, 1, 2])):
            with suppress(KeyError, IndexError, TypeError, AttributeError):  # the second of two may find nothing to change
                change(values)
        if chance.random() < 0.4:
            values = _with_a_name(values, chance)
        return chance.choice([json.dumps(values).encode()] * 6 + [chance.choice(BYTES)]), kind


def _with_a_name(values: Any, chance: random.Random) -> Any:
    """The values with one hostile text."""
    places = [key for key, value in values.items() if isinstance(value, str)] if isinstance(values, dict) else []
    return values | {chance.choice(places): chance.choice(HOSTILE)} if places else values


@contextmanager
def nothing_runs(lock: Path) -> Iterator[None]:
    """The machine's lock in other hands: jobs wait."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def studio(digits_run: Path, images: dict[str, list[Path]], tmp_path: Path) -> Iterator[Attacked]:
    runs, pristine = tmp_path / "runs", tmp_path / "pristine"
    with nothing_runs(tmp_path / "machine.lock"), running_studio(runs) as (opened, client):
        made_set(client, {name: files[:4] for name, files in images.items()})
        pristine.mkdir()
        shutil.copytree(runs / "data", pristine / "data")
        shutil.copytree(digits_run, pristine / "digits-run")
        recipe = (pristine / "digits-run" / "recipe.toml").read_text("utf-8")
        lines = [
            f"data = {json.dumps(str(runs / 'data' / 'digits'))}" if line.startswith("data = ") else line for line in recipe.splitlines()
        ]
        (pristine / "digits-run" / "recipe.toml").write_text("\n".join(lines), "utf-8")
        file = client.get("/api/data/digits/images", params={"class_name": "0"}).json()["files"][0]
        known = KNOWN | {"name": "digits", "file": file, "paths": "photos/0/1.png", "number": "1", "split": "train"}
        image = images["0"][5].read_bytes()
        yield Attacked(opened=opened, client=client, runs=runs, pristine=pristine, image=image, known=known)
        for job in opened.studio.queue.jobs():
            job.stop()
        until(lambda: not [job for job in opened.studio.queue.jobs() if job.state() in ("running", "stopping")])


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_every_route_with_odd_bodies_and_names(
    studio: Attacked, tmp_path: Path, chance: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    found = operations(studio.opened.app, studio.known | {"name": "new"})
    changing = [one for one in found if one.method != "GET"]
    assert len(changing) > 15
    outside = everything(tmp_path) - {path for path in everything(tmp_path) if path.parts[0] == "runs"}
    with caplog.at_level(logging.ERROR):
        for operation in found:
            for _ in range(EXAMPLES):
                studio.renew()
                answer = studio.send(operation, chance)
                said = "" if answer.is_success else answer.text
                assert answer.status_code < 500, (operation, str(answer.url)[:300], said)
                assert "Traceback" not in said
                attacked(f"requests to the studio: {'GET' if operation.method == 'GET' else 'to change something'}")
            assert {one.name for one in studio.runs.iterdir()} <= {"data", "exports", "digits-run", ".studio"}, operation
            for file in (studio.runs / "data").rglob("*"):
                assert file.resolve().is_relative_to(studio.runs / "data"), operation
    assert "defect" not in caplog.text
    assert everything(tmp_path) - {path for path in everything(tmp_path) if path.parts[0] == "runs"} == outside
    until(lambda: not any((studio.runs / ".studio" / "uploads").iterdir()))
    assert studio.client.get("/").status_code == 200
    assert studio.client.get("/api/overview").status_code == 200


KINDS: list[tuple[str, dict[str, object]]] = [
    ("PNG", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("GIF", {}),
    ("WEBP", {}),
    ("TIFF", {}),
]


def test_images_with_changed_bytes(studio: Attacked, caplog: pytest.LogCaptureFixture) -> None:
    """What is taken can be shown; what is refused leaves nothing."""
    studio.renew()
    with caplog.at_level(logging.ERROR):
        for kind, options in KINDS:
            for changed in mutations(image_bytes(3, kind, **options), seed=11):
                sent = studio.client.put("/api/data/digits/images", params={"class_name": "0"}, content=changed)
                assert sent.status_code in (200, 422), sent.text
                attacked("images with changed bytes sent into a data set")
                if sent.status_code == 200:
                    shown = {"class_name": "0", "file": sent.json()["file"]}
                    assert studio.client.get("/api/data/digits/thumbnail", params=shown).status_code == 200
    assert "defect" not in caplog.text
    folder = studio.runs / "data" / "digits" / "0"
    assert all(path.name == own_name(path.read_bytes(), path.suffix) for path in folder.iterdir())
    assert list((studio.runs / ".studio" / "uploads").iterdir()) == []


def hostile_archives(image: bytes) -> dict[str, bytes]:
    """Archives whose members lead out of them, or are no files, or have names that nobody expects."""
    names = ["../../evil/1.png", "/tmp/evil/1.png", "a/../../evil/1.png", "C:\\evil\\1.png", "..\\..\\evil\\1.png", "a/./1.png", "a//1.png",
             "\udcff/1.png", "x" * 300 + "/1.png", "a/" + "b/" * 500 + "1.png", "a\0b/1.png", ".bin/1.png", "splits.csv/1.png", "CON/1.png",
             "-x/1.png", "a:b/1.png", "train/1.png", "\u202e/1.png", "__MACOSX/a/1.png"]  # fmt: skip
    found: dict[str, bytes] = {}
    for number, name in enumerate(names):
        zipped, tarred = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive, suppress(UnicodeEncodeError, ValueError):
            for member in (name, "b/2.png", "c/3.png"):
                archive.writestr(member, image)
        with tarfile.open(fileobj=tarred, mode="w") as tar:
            for member in (name, "b/2.png", "c/3.png"):
                info = tarfile.TarInfo(member.replace("\0", "_"))
                info.size = len(image)
                tar.addfile(info, io.BytesIO(image))
        found |= {f"{number}.zip": zipped.getvalue(), f"{number}.tar": tarred.getvalue()}
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for member, target in (("a/1.png", "/etc/passwd"), ("b/2.png", "../../../etc/passwd"), ("c/3.png", "a/1.png")):
                info = tarfile.TarInfo(member)
                info.type, info.linkname = kind, target
                tar.addfile(info)
        found[f"links {kind!r}.tar"] = out.getvalue()
    return found


def test_archives_with_changed_bytes_and_hostile_members(studio: Attacked, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "made").mkdir()
    photos = class_folders(tmp_path / "made")
    sent = [one for kind, make in ARCHIVES.items() for one in mutations(make(photos), seed=12, count=max(10, EXAMPLES // 2)) if kind]
    before = everything(tmp_path) - {path for path in everything(tmp_path) if path.parts[0] == "runs"}
    with caplog.at_level(logging.ERROR):
        for number, content in enumerate([*hostile_archives(image_bytes(3)).values(), *sent]):
            arriving = send_archive(studio.client, content, f"new-{number}")
            assert arriving["problem"] is None or str(tmp_path) not in arriving["problem"], arriving["problem"]
            assert not caplog.records
            attacked("archives sent into a data set")
            folder = studio.runs / "data" / f"new-{number}"
            for path in folder.rglob("*"):
                assert not path.is_symlink()
                assert path.is_dir() or (path.is_file() and path.name == own_name(path.read_bytes(), path.suffix))
            shutil.rmtree(folder)
    assert "defect" not in caplog.text
    assert everything(tmp_path) - {path for path in everything(tmp_path) if path.parts[0] == "runs"} == before
    assert list((studio.runs / ".studio" / "uploads").iterdir()) == []


def test_uploads_that_are_cut(studio: Attacked, chance: random.Random, hardness: int) -> None:
    """The browser is killed at any byte: nothing is left of what it sent."""
    studio.renew()
    host, port = studio.opened.bound.getsockname()[:2]
    before, uploads = everything(studio.runs / "data"), studio.runs / ".studio" / "uploads"
    for _ in range(20 * hardness):
        target = chance.choice(["images?class_name=0", "archive", "images?class_name=%00", "archive?shown=%ff"])
        size = chance.choice([10, 1_000, 3 << 20])
        lines = (
            f"PUT /api/data/digits/{target} HTTP/1.1",
            f"Host: {host}:{port}",
            f"Authorization: Bearer {TOKEN}",
            f"Content-Length: {size}",
        )
        with socket.create_connection((host, port)) as half:
            half.sendall("\r\n".join([*lines, "", ""]).encode() + studio.image + b"x" * chance.randrange(max(1, size - len(studio.image))))
            time.sleep(chance.choice([0.0, 0.02, 0.1]))
        attacked("uploads that were cut")
    until(lambda: not any(uploads.iterdir()))
    assert everything(studio.runs / "data") == before
    assert studio.client.get("/api/overview").status_code == 200
