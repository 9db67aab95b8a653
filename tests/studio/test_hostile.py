"""What a browser, or a folder that somebody else has written, can do to the studio: it is answered or refused, and nothing is lost."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.studio.conftest import made_set, running_studio

from alexnet.data.labels_file import read_labels
from alexnet.errors import BadDataset
from alexnet.studio.history import sample, since
from alexnet.studio.limits import Limits

JSON = {"content-type": "application/json"}
NO_UNICODE = rb'"\ud800/3.png"'
BODIES = {  # route: a body with a text that is not Unicode
    "/api/data": b'{"name": %s}',
    "/api/data/digits/classes": b'{"name": %s}',
    "/api/data/digits/classes/remove": b'{"name": %s}',
    "/api/data/digits/layout": b'{"paths": ["a/1.png", "b/2.png", %s]}',
    "/api/data/digits/move": b'{"images": [{"class_name": "0", "file": %s}], "to": "1"}',
    "/api/train": b'{"data": "digits", "way": "recipe", "name": %s}',
    "/api/plan": b'{"data": "digits", "way": "model", "model": %s}',
    "/api/study": b'{"data": "digits", "minutes": 1, "claim": %s}',
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_text_that_is_no_unicode_is_refused(lang: str, tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs") as (_, client):
        client.post("/api/data", json={"name": "digits"})
        for route, body in BODIES.items():
            answer = client.post(route, content=body % NO_UNICODE, headers=JSON, params={"lang": lang})
            assert 400 <= answer.status_code < 500, (route, answer.text)
            assert answer.json()["error"]


def test_a_name_of_millions_of_letters_is_refused_in_a_few(client: httpx.Client, images: dict[str, list[Path]]) -> None:
    made_set(client, {name: files[:1] for name, files in images.items()})
    long = "x is not a complete " * 100_000
    for route, body in {
        "/api/data": {"name": long},
        "/api/data/digits/classes/remove": {"name": long},
        "/api/train": {"data": "digits", "way": "model", "model": long},
        "/api/plan": {"data": long},
        "/api/study": {"data": "digits", "minutes": 1, "claim": long},
    }.items():
        answer = client.post(route, json=body, params={"lang": "zh"})
        assert answer.status_code in (404, 422), route
        assert len(answer.json()["error"]) < 3_000, route


def test_an_image_that_is_listed_twice_moves_once(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, {"0": images["0"][:3], "1": images["1"][:1]})
    folder = tmp_path / "runs" / "data" / "digits"
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}
    file = client.get("/api/data/digits/images", params={"class_name": "0"}).json()["files"][0]
    twice = [{"class_name": "0", "file": file}, {"class_name": "0", "file": file, "split": "train"}]
    assert client.post("/api/data/digits/move", json={"images": twice, "to": "1"}).json() == {"moved": 1}
    moved = [one | {"class_name": "1"} for one in twice]
    assert client.post("/api/data/digits/delete", json={"images": moved}).json() == {"moved": 1}
    for _ in range(2):
        assert client.post("/api/data/digits/undo").status_code == 200
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")} == before


def test_bodies_are_limited_but_for_files(images: dict[str, list[Path]], tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs", limits=Limits(json_bytes=60)) as (_, client):
        made_set(client, {"0": images["0"][:1]})  # an image has more than 60 bytes
        body = json.dumps({"paths": ["0/" + "x" * 60]}).encode()
        for content in (body, iter([body[:40], body[40:]])):
            answer = client.post("/api/data/digits/layout", content=content, headers=JSON)
            assert (answer.status_code, answer.json()["error"]) == (413, "It is too large; the limit is 60 B.")
        assert client.post("/api/data/digits/classes", json={"name": "1"}).status_code == 201


def test_the_name_of_the_table_is_no_class(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, {"0": images["0"][:1]})
    for name in ("splits.csv", "Splits.CSV"):
        refused = client.post("/api/data/digits/classes", json={"name": name})
        assert (refused.status_code, refused.json()["error"]) == (
            422,
            f"'{name}' is a name that the studio itself uses. Choose another one.",
        )
    (tmp_path / "runs" / "data" / "digits" / "splits.csv").mkdir()  # by another program
    assert client.get("/api/data/digits").json()["fixed"] is False
    assert client.post("/api/data/digits/classes/remove", json={"name": "splits.csv"}).status_code == 200


def test_a_file_is_in_the_place_of_a_new_folder(client: httpx.Client, tmp_path: Path) -> None:
    client.post("/api/data", json={"name": "digits"})
    for place in ("new", "digits/new"):
        (tmp_path / "runs" / "data" / place).write_text("")
    assert client.post("/api/data", json={"name": "new"}).status_code == 409
    assert client.post("/api/data/digits/classes", json={"name": "new"}).status_code == 409


def test_a_bin_that_others_have_written_into_leads_nowhere(client: httpx.Client, images: dict[str, list[Path]], tmp_path: Path) -> None:
    made_set(client, {"0": images["0"][:2]})
    waste = tmp_path / "runs" / "data" / "digits" / ".bin"
    waste.mkdir()
    (waste / "notes.json").write_text("{}")
    assert client.post("/api/data/digits/undo").status_code == 404
    for target in (r"a\u0000b", r"\ud800", "../x", "/tmp/x"):
        (waste / "000001.json").write_text(f'{{"moves": [["0/1.png", "{target}"]], "deleted": true}}')
        refused = client.post("/api/data/digits/undo")
        assert (refused.status_code, "leads out of the data set" in refused.json()["error"]) == (422, True), refused.text


def finished_run(runs: Path, digits_run: Path, name: str = "digits-run") -> Path:
    """A copy of a finished run in a studio's folder."""
    runs.mkdir(exist_ok=True)
    return shutil.copytree(digits_run, runs / name)


def test_a_run_from_anywhere_is_taken_away_whole(digits_run: Path, tmp_path: Path) -> None:
    """Files dated before 1980, which a zip cannot say, and names that are not UTF-8."""
    run = finished_run(tmp_path / "runs", digits_run)
    Path(os.fsdecode(os.fsencode(run) + b"/\xbf.txt")).write_text("x")
    os.utime(run / "recipe.toml", (1, 1))
    with running_studio(tmp_path / "runs") as (_, client):
        taken = client.get("/api/runs/digits-run/folder.zip")
    with zipfile.ZipFile(io.BytesIO(taken.content)) as archive:
        assert archive.read("digits-run/recipe.toml") == (run / "recipe.toml").read_bytes()
        assert r"digits-run/\xbf.txt" in archive.namelist()
    with running_studio(tmp_path / "runs", limits=Limits(spare_bytes=1 << 60)) as (_, client):
        assert client.get("/api/runs/digits-run/folder.zip").status_code == 507
    assert list((tmp_path / "runs" / ".studio" / "uploads").iterdir()) == []


def test_a_result_with_names_that_are_no_text_is_shown(digits_run: Path, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs", digits_run)
    values = json.loads((run / "result.json").read_text("utf-8"))
    values |= {"remarks": ["\udcbf.png"], "candidates": [{"model": "lenet", "validation_error": float("nan")}]}
    (run / "result.json").write_text(json.dumps(values))
    with running_studio(tmp_path / "runs") as (_, client):
        (row,) = client.get("/api/overview").json()["rows"]
    assert row["result"]["remarks"] == ["\udcbf.png"]
    assert row["result"]["candidates"][0]["validation_error"] is None


DAMAGED_FILES: dict[str, str] = {
    "search.json": '{"request": [3]}',
    "history.jsonl": '{"step": [1]}\n{"step": {}}\n{"step": 1e999, "epoch": "x"}\n[1]\n' + "[" * 50_000 + '\n{"step": 3}\n',
    "live/progress.json": r'{"history": "a\u0000b"}',
    "live/validation.json": '{"a":' * 50_000,
    ".lock": "process " + "9" * 5_000,
}


@pytest.mark.parametrize("name", DAMAGED_FILES)
def test_whatever_a_running_training_wrote_is_shown_or_left_out(name: str, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    (run / "live").mkdir(parents=True)
    (run / "search.json").write_text("{}")
    (run / name).write_text(DAMAGED_FILES[name])
    with running_studio(tmp_path / "runs") as (_, client):
        with client.stream("GET", "/api/runs/run/events") as answer:
            line = next(line for line in answer.iter_lines() if line.startswith("data: "))
        found: dict[str, Any] = json.loads(line[6:])
        assert client.get("/api/overview").status_code == 200
    assert found["data"] == ""
    assert [row["step"] for row in found["rows"]][-1:] == ([3] if name == "history.jsonl" else [])


def test_a_history_is_read_past_its_odd_rows(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": "x"}\n' * 20_000 + '{"step": 7}\n')
    rows, end = sample(path, 10)
    assert rows[-1] == {"step": 7}
    with path.open("a") as file:
        file.write("[" * 9_000 + '\n{"step": 8}\n')
    assert since(path, end)[0] == [{"step": 8}]


def test_a_run_without_its_model_or_its_images_says_so(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    run, data = finished_run(tmp_path / "runs", digits_run), shutil.copytree(digits_folder, tmp_path / "photos")
    image = next((data / "3").iterdir()).read_bytes()
    recipe = (run / "recipe.toml").read_text("utf-8").replace(str(digits_folder), str(data))
    (run / "recipe.toml").write_text(recipe, "utf-8")
    for path in data.rglob("*.png"):
        path.write_bytes(b"no image")
    with running_studio(tmp_path / "runs") as (_, client):
        why = client.post("/api/runs/digits-run/why", params={"class_name": "3"}, content=image)
        assert (why.status_code, why.json()["missing"]) == (200, "None of the pictures that digits-run learned from can be read.")
        shutil.rmtree(run / "model")
        answer = client.post("/api/runs/digits-run/try", content=image)
        assert (answer.status_code, answer.json()["error"]) == (409, "digits-run has not finished.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    for folder in (run / "explanation", run / "live"):
        folder.mkdir(parents=True)
    for name in ("report.html", ".lock", "history.jsonl", "live/progress.json", "live/filters.png", "explanation/maps.csv"):
        os.mkfifo(run / name)
    (run / "recipe.toml").write_text('name = "quick"\ndata = "digits"\nmodel = "lenet"\n')
    with running_studio(tmp_path / "runs") as (_, client):
        assert client.get("/api/overview").status_code == 200
        for route in ("/folders/run/report.html", "/folders/run/explanation/maps.csv", "/api/runs/run/filters"):
            assert client.get(route, timeout=20).status_code == 404, route
        with client.stream("GET", "/api/runs/run/events", timeout=20) as answer:
            assert next(answer.iter_lines()).startswith("data: ")
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(BadDataset, match=r"cannot be opened \(it is a pipe, not a file\)"):
        read_labels(tmp_path / "labels.csv")
