"""Data sets through the studio's routes: what is taken, what is refused with nothing lost, and that every step can be undone."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.studio.conftest import made_set, running_studio, until

from alexnet.data.open import open_dataset
from alexnet.studio import receiving
from alexnet.studio.archives import unpack
from alexnet.studio.datasets import opened
from alexnet.studio.limits import Limits
from alexnet.studio.refusal import Refusal
from alexnet.studio.staged import write_moves


def counts(client: httpx.Client, name: str = "digits") -> dict[str, int]:
    found = client.get(f"/api/data/{name}").json()["counts"]
    return {class_name: sum(splits.values()) for class_name, splits in found.items()}


def listed(client: httpx.Client, class_name: str) -> list[str]:
    files: list[str] = client.get("/api/data/digits/images", params={"class_name": class_name}).json()["files"]
    return files


def send_archive(client: httpx.Client, content: bytes, name: str = "new") -> dict[str, Any]:
    """Send an archive into a new data set, and wait until it is taken apart."""
    client.post("/api/data", json={"name": name})
    sent = client.put(f"/api/data/{name}/archive", content=content, params={"shown": "my photos.zip"})
    assert sent.status_code == 202, sent.text
    until(lambda: client.get(f"/api/data/{name}").json()["arriving"]["ended"])
    arriving: dict[str, Any] = client.get(f"/api/data/{name}").json()["arriving"]
    return arriving


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_made_data_set_is_plain_class_folders(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, images)
    again = client.put("/api/data/digits/images", params={"class_name": "0"}, content=images["0"][0].read_bytes())
    assert again.json()["known"]
    dataset = open_dataset(tmp_path / "runs" / "data" / "digits")
    assert (dataset.classes, len(dataset.items), dataset.remarks) == (("0", "1", "2"), 36, ())
    assert {dataset.content(index) for index in range(36)} == {path.read_bytes() for files in images.values() for path in files}
    thumbnail = client.get("/api/data/digits/thumbnail", params={"class_name": "0", "file": listed(client, "0")[0]})
    assert (thumbnail.headers["content-type"], thumbnail.content[:2]) == ("image/jpeg", b"\xff\xd8")


def test_moving_deleting_and_undoing(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, images)
    folder = tmp_path / "runs" / "data" / "digits"
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}
    first, second, third = listed(client, "0")[:3]
    twice = 2 * [{"class_name": "0", "file": first}]  # counts once
    moved = client.post("/api/data/digits/move", json={"images": twice, "to": "1"})
    assert moved.json() == {"moved": 1}
    deleted = [{"class_name": "0", "file": second}, {"class_name": "0", "file": third}, {"class_name": "0", "file": second}]
    assert client.post("/api/data/digits/delete", json={"images": deleted}).json() == {"moved": 2}
    assert client.post("/api/data/digits/classes/remove", json={"name": "2"}).status_code == 200
    assert counts(client) == {"0": 9, "1": 13}
    assert client.get("/api/data/digits").json()["bin"] == {"steps": 3, "files": 14}
    assert len(open_dataset(folder).items) == 22, "no training reads the bin"
    for _ in range(3):
        assert client.post("/api/data/digits/undo").status_code == 200
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")} == before
    assert client.post("/api/data/digits/undo").status_code == 404


def test_undo_loses_nothing_that_has_come_since(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, {"0": images["0"][:3], "1": images["1"][:1]})
    folder = tmp_path / "runs" / "data" / "digits"
    client.post("/api/data/digits/classes/remove", json={"name": "0"})
    client.post("/api/data/digits/classes", json={"name": "0"})
    again = [images["0"][0], images["0"][5]]  # one that was there, and a new one
    for file in again:
        client.put("/api/data/digits/images", params={"class_name": "0"}, content=file.read_bytes())
    assert client.post("/api/data/digits/undo").status_code == 200
    there = sorted(path.read_bytes() for path in (folder / "0").iterdir())
    assert there == sorted(file.read_bytes() for file in {*images["0"][:3], *again})
    other = folder / "0" / listed(client, "0")[0]
    before = other.read_bytes()
    client.post("/api/data/digits/delete", json={"images": [{"class_name": "0", "file": other.name}]})
    other.write_bytes(images["2"][0].read_bytes())  # by another program
    client.post("/api/data/digits/undo")
    assert {before, images["2"][0].read_bytes()} <= {path.read_bytes() for path in (folder / "0").iterdir()}


def test_names_that_are_not_utf_8_are_passed_over(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, images)
    folder = os.fsencode(tmp_path / "runs" / "data" / "digits")
    for name in (b"0/\xbf\xc0.png", b"0/\xbf\xc1.jpg"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(images["0"][0].read_bytes() if name.endswith(b"png") else b"no image")
    Path(os.fsdecode(os.fsencode(tmp_path / "runs") + b"/\xbf\xc0")).mkdir()
    assert len(listed(client, "0")) == 12
    assert client.get("/api/overview").status_code == 200
    until(lambda: client.get("/api/data/digits/findings").json()["found"] is not None)


def test_an_image_that_cannot_be_read_is_refused(client: httpx.Client, images: dict[str, list[Path]]) -> None:
    made_set(client, images)
    for content in (b"no image", images["0"][0].read_bytes()[:40]):
        sent = client.put("/api/data/digits/images", params={"class_name": "0"}, content=content)
        assert sent.status_code == 422
        assert sent.json()["error"].startswith("The picture ")
    assert counts(client) == {"0": 12, "1": 12, "2": 12}


def test_names_that_would_lead_elsewhere_are_refused(client: httpx.Client, tmp_path: Path) -> None:
    client.post("/api/data", json={"name": "digits"})
    before = sorted(tmp_path.rglob("*"))
    for name in ("", "..", "a/b", "a\\b", ".hidden", "-x", "a:b", "x" * 200, "a\u202eb", "a\0b"):
        assert client.post("/api/data/digits/classes", json={"name": name}).status_code == 422, name
        assert client.post("/api/data", json={"name": name}).status_code == 422, name
    assert client.post("/api/data/digits/classes", json={"name": "train"}).status_code == 422, "it would be read as a split"
    assert sorted(tmp_path.rglob("*")) == before


def test_files_are_looked_up_never_joined(client: httpx.Client, images: dict[str, list[Path]]) -> None:
    made_set(client, {"0": images["0"][:1], "1": images["1"][:1]})
    for file in (f"../1/{listed(client, '1')[0]}", "/etc/passwd", "..", "", "x.png"):
        assert client.get("/api/data/digits/thumbnail", params={"class_name": "0", "file": file}).status_code == 404, file
        assert client.post("/api/data/digits/delete", json={"images": [{"class_name": "0", "file": file}]}).status_code == 404, file
    assert counts(client) == {"0": 1, "1": 1}


def test_a_dropped_folder_is_read_as_any_data_set(client: httpx.Client) -> None:
    client.post("/api/data", json={"name": "digits"})
    laid = client.post("/api/data/digits/layout", json={"paths": ["p/train/cat/1.jpg", "p/train/dog/2.jpg", "p/val/cat/3.jpg", "p/4.jpg"]})
    assert [(one["class_name"], one["split"]) for one in laid.json()] == [
        ("cat", "train"),
        ("dog", "train"),
        ("cat", "validation"),
        (None, None),
    ]
    flat = client.post("/api/data/digits/layout", json={"paths": ["1.jpg", "2.jpg"]})
    assert (flat.status_code, flat.json()["error"][:30]) == (422, "It has no class folders: put t")
    chinese = client.post("/api/data/digits/layout", json={"paths": ["1.jpg"]}, headers={"Accept-Language": "zh-CN"})
    assert chinese.json()["error"].startswith("其中没有类别文件夹")


def test_an_archive_arrives_as_a_whole_with_its_split(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    files = {
        f"{split}/{name}/{path.name}": path.read_bytes()
        for name, found in images.items()
        for split, path in zip(("train", "train", "test"), found, strict=False)
    }
    arriving = send_archive(client, zip_of(files | {"train/0/broken.jpg": b"no image", "loose.png": images["0"][0].read_bytes()}))
    assert (arriving["problem"], arriving["left_out"][0][0]) == (None, "train/0/broken.jpg")
    assert (arriving["added"], arriving["known"], arriving["n_left_out"]) == (9, 0, 1)
    found = client.get("/api/data/new").json()
    assert (found["splits"], found["counts"]["0"]) == (["train", "test"], {"train": 2, "test": 1})
    assert list((tmp_path / "runs" / ".studio" / "uploads").iterdir()) == []


def test_what_an_archive_brought_is_counted(client: httpx.Client, images: dict[str, list[Path]]) -> None:
    once, twice = (path.read_bytes() for path in images["0"][:2])
    broken = {f"0/broken-{number}.png": b"no image" for number in range(150)}
    content = zip_of({"0/1.png": once, "0/2.png": twice, "0/2 copy.png": twice, "1/3.png": once, **broken})
    arriving = send_archive(client, content)
    assert (arriving["added"], arriving["known"], arriving["n_left_out"], len(arriving["left_out"])) == (3, 1, 150, 100)
    assert counts(client, "new") == {"0": 2, "1": 1}


UNUSABLE = (
    (zip_of({"../../evil/1.png": b"x", "a/2.png": b"y"}), "leads out of it"),
    (zip_of({"a/1.txt": b"x"}), "cannot be used"),
    (zip_of({"1.png": b"x", "2.png": b"x"}), "no class folders"),
    (b"PK\3\4 cut short", "cannot be used"),
    (b"nothing of the kind", "cannot be used"),
)


def test_archives_that_cannot_be_used(client: httpx.Client, tmp_path: Path) -> None:
    for number, (content, message) in enumerate(UNUSABLE):
        arriving = send_archive(client, content, f"new-{number}")
        assert message in arriving["problem"]
        assert str(tmp_path) not in arriving["problem"]
    assert [path for path in (tmp_path / "runs" / "data").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "evil").exists()


def test_an_archive_is_known_by_its_error_and_not_by_its_name(tmp_path: Path) -> None:
    for content, problem in ((b"PK\3\4 cut short", "archive"), (zip_of({"1.png": b"x"}), "no_class_folders")):
        archive = tmp_path / "no class folders.zip"
        archive.write_bytes(content)
        with pytest.raises(Refusal) as refused:
            unpack(opened(tmp_path), archive, tmp_path / "stage", Limits(), print)
        assert refused.value.problem == problem


@pytest.mark.parametrize("moved", [0, 2])
def test_an_archive_whose_studio_was_killed_while_it_moved_the_images_arrives(
    images: dict[str, list[Path]], tmp_path: Path, moved: int
) -> None:
    stage, data = tmp_path / "runs" / ".studio" / "uploads" / "x.stage", tmp_path / "runs" / "data" / "new"
    for folder in (stage, data, tmp_path / "runs" / "data" / "other"):
        folder.mkdir(parents=True)
    targets = {stage / f"{number}.png": data / "train" / "cat" / f"{number}.png" for number in range(5)}
    for place, (file, target) in enumerate(targets.items()):
        here = target if place < moved else file
        here.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images["0"][place], here)
    write_moves(stage, data, targets)
    with running_studio(tmp_path / "runs") as (_, client):
        assert client.get("/api/data/new").json()["counts"] == {"cat": {"train": 5}}
    assert list(stage.parent.iterdir()) == []


@pytest.mark.parametrize("pair", [["1.png", "../other/1.png"], ["../../../secret", "1.png"], ["1.png", "/tmp/1.png"], [1, 2]])
def test_a_record_of_moves_leads_nowhere_else(pair: list[Any], tmp_path: Path) -> None:
    stage, data = tmp_path / "runs" / ".studio" / "uploads" / "x.stage", tmp_path / "runs" / "data"
    for folder in (stage, data / "new", data / "other"):
        folder.mkdir(parents=True)
    for file in (stage / "1.png", tmp_path / "secret"):
        file.write_text("x")
    (stage / "moves.json").write_text(json.dumps({"data": "new", "pairs": [pair]}))
    with running_studio(tmp_path / "runs"):
        assert [path for path in data.rglob("*") if path.is_file()] == []
    assert (tmp_path / "secret").exists()


def test_a_tar_is_an_archive_too(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    packed = tmp_path / "x.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name, files in images.items():
            archive.add(files[0], f"photos/{name}/{files[0].name}")
    assert send_archive(client, packed.read_bytes())["problem"] is None
    assert counts(client, "new") == {"0": 1, "1": 1, "2": 1}


def test_limits_and_a_full_disk_leave_nothing(images: dict[str, list[Path]], tmp_path: Path) -> None:
    content = images["0"][0].read_bytes()
    with running_studio(tmp_path / "runs", limits=Limits(image_bytes=len(content) - 1)) as (_, client):
        client.post("/api/data", json={"name": "digits"})
        client.post("/api/data/digits/classes", json={"name": "0"})
        assert client.put("/api/data/digits/images", params={"class_name": "0"}, content=content).status_code == 413
        chunks = iter([content[:50], content[50:]])  # without its length
        assert client.put("/api/data/digits/images", params={"class_name": "0"}, content=chunks).status_code == 413
    with running_studio(tmp_path / "runs", limits=Limits(spare_bytes=1 << 60)) as (_, client):
        full = client.put("/api/data/digits/images", params={"class_name": "0"}, content=content)
        assert (full.status_code, full.json()["error"][:16]) == (507, "The disk is full")
    with running_studio(tmp_path / "runs", limits=Limits(image_pixels=63)) as (_, client):
        assert client.put("/api/data/digits/images", params={"class_name": "0"}, content=content).status_code == 422
    assert [path for path in (tmp_path / "runs").rglob("*") if path.suffix in (".png", ".partial")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the disk that is always full is Linux's")
def test_a_disk_that_fills_up_while_an_image_arrives(
    client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_set(client, images)

    def on_a_full_disk(uploads: Path) -> Path:
        place = uploads / "full.partial"
        place.symlink_to("/dev/full")
        return place

    monkeypatch.setattr(receiving, "temporary", on_a_full_disk)
    full = client.put("/api/data/digits/images", params={"class_name": "0"}, content=images["1"][0].read_bytes())
    assert (full.status_code, full.json()["error"][:17]) == (507, "The disk is full.")
    assert counts(client) == {"0": 12, "1": 12, "2": 12}
    assert list((tmp_path / "runs" / ".studio" / "uploads").iterdir()) == []


def test_findings_are_those_of_inspect(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, images)
    twice = {"class_name": "1"}
    client.put("/api/data/digits/images", params=twice, content=images["0"][0].read_bytes())
    (tmp_path / "runs" / "data" / "digits" / "2" / "broken.jpg").write_bytes(b"no image")
    until(lambda: client.get("/api/data/digits/findings").json()["found"] is not None)
    found = client.get("/api/data/digits/findings").json()["found"]
    assert (found["unreadable"]["n"], found["unreadable"]["first"][0]["file"]) == (1, "2/broken.jpg")
    assert [one["problem"] for one in found["suspects"]["first"]] == ["two labels"]
    assert found["exact"]["n"] == 1


def test_the_page_needs_the_token_and_names_this_machine(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url) as bare:
        assert bare.get("/").status_code == 401
        assert bare.get(f"/?token={client.headers['authorization'].split()[1]}").status_code == 303
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert client.post("/api/data", json={"name": "x"}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert json.loads(client.get("/api/data").text) == []
