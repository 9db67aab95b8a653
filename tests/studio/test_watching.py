"""A run as browsers see it: however long its history, and however many of them watch."""

import json
import threading
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.studio.conftest import running_studio

from alexnet.studio.history import sample, since


def write_history(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for step in range(1, rows + 1):
            file.write(f'{{"epoch": {step / 10}, "step": {step}, "training_loss": {1 / step}, "validation_error": 0.5}}\n')


def begun_run(runs: Path, rows: int) -> Path:
    """A run that was stopped."""
    run = runs / "long"
    write_history(run / "history.jsonl", rows)
    (run / "recipe.toml").write_text('name = "quick"\ndata = "digits"\nmodel = "lenet"\n')
    return run


def first_event(client: httpx.Client, run: str = "long") -> dict[str, Any]:
    with client.stream("GET", f"/api/runs/{run}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found: dict[str, Any] = json.loads(next(line for line in answer.iter_lines() if line.startswith("data: "))[6:])
        return found


def test_a_sample_of_a_history_has_its_ends_and_is_even(tmp_path: Path) -> None:
    write_history(tmp_path / "h.jsonl", 50_000)
    rows, end = sample(tmp_path / "h.jsonl", 400)
    steps = [row["step"] for row in rows]
    assert (steps[0], steps[-1], end) == (1, 50_000, (tmp_path / "h.jsonl").stat().st_size)
    assert steps == sorted(set(steps))
    assert 400 <= len(steps) <= 500
    assert max(b - a for a, b in pairwise(steps)) < 400


def test_a_short_history_is_whole_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    write_history(path, 10)
    rows, end = sample(path, 400)
    assert [row["step"] for row in rows] == list(range(1, 11))
    with path.open("a") as file:
        file.write('{"step": 11}\n{"step": 12')  # a row that is being written
    more, position = since(path, end)
    assert [row["step"] for row in more] == [11]
    with path.open("a") as file:
        file.write("}\n")
    assert [row["step"] for row in since(path, position)[0]] == [12]
    path.write_text('{"step": 1}\n')  # rewritten at the end of the run
    assert [row["step"] for row in since(path, position)[0]] == [1]
    assert sample(tmp_path / "none.jsonl", 400) == ([], 0)


def test_twenty_watch_one_run_and_share_each_look(tmp_path: Path) -> None:
    run = begun_run(tmp_path / "runs", 30)
    with running_studio(tmp_path / "runs") as (opened, client):
        heard: list[list[dict[str, Any]]] = [[] for _ in range(20)]
        ready = threading.Barrier(21)

        def watch(messages: list[dict[str, Any]]) -> None:
            with client.stream("GET", "/api/runs/long/events") as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        messages.append(json.loads(line[6:]))
                        if len(messages) == 1:
                            ready.wait(30)
                        if messages[-1].get("progress"):
                            return

        threads = [threading.Thread(target=watch, args=(messages,)) for messages in heard]
        for thread in threads:
            thread.start()
        ready.wait(30)
        with (run / "history.jsonl").open("a") as file:
            file.write('{"epoch": 3.1, "step": 31}\n')
        (run / "live").mkdir()
        (run / "live" / "progress.json").write_text('{"model": "lenet", "phase": "training", "share": 0.5}')
        for thread in threads:
            thread.join(30)
        assert all(messages[0]["whole"] and len(messages[0]["rows"]) == 30 for messages in heard)
        assert all(any(row["step"] == 31 for one in messages for row in one.get("rows", [])) for messages in heard)
        assert all(messages[-1]["progress"]["share"] == 0.5 for messages in heard)
        assert len(opened.studio.watches.of("long").subscribers) <= 20


def test_what_json_has_no_word_for_is_null(tmp_path: Path) -> None:
    run = begun_run(tmp_path / "runs", 1)
    with (run / "history.jsonl").open("a") as file:
        file.write('{"epoch": 1, "step": 2, "training_loss": 0.5, "validation_loss": NaN}\n')
    (run / "search.json").write_text('{"seconds": Infinity}')
    (run / "live").mkdir()
    (run / "live" / "validation.json").write_text(r'{"wrong": [{"file": "\udccd.png"}]}')

    def refused(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    with running_studio(tmp_path / "runs") as (_, client):
        text = json.dumps(first_event(client), allow_nan=False)
    found = json.loads(text, parse_constant=refused)
    assert found["rows"][-1]["validation_loss"] is None
    assert found["validation"]["wrong"][0]["file"] == "\udccd.png"


def test_a_run_of_any_name_is_opened(tmp_path: Path) -> None:
    names = ("a  b", "-x", "a:b", unicodedata.normalize("NFD", "é"), "y" * 200)
    for name in names:
        begun_run(tmp_path / "runs", 1).rename(tmp_path / "runs" / name)
    with running_studio(tmp_path / "runs") as (_, client):
        assert {row["name"] for row in client.get("/api/overview").json()["rows"]} == set(names)
        for name in names:
            assert first_event(client, quote(name, safe=""))["row"]["name"] == name
        for name in ("data", "exports", ".studio", "..", "."):
            assert client.get(f"/api/runs/{quote(name, safe='')}/offers").status_code == 404, name


@pytest.mark.slow
def test_a_stopped_run_of_the_command_line_is_found(tmp_path: Path) -> None:
    begun_run(tmp_path / "runs", 3)
    (tmp_path / "runs" / "not-a-run").mkdir()
    with running_studio(tmp_path / "runs") as (_, client):
        assert [(row["name"], row["state"]) for row in client.get("/api/overview").json()["rows"]] == [("long", "stopped")]
        assert first_event(client)["row"]["state"] == "stopped"
        assert client.get("/api/runs/nobody/events").status_code == 404
        assert client.get("/api/runs/..%2F..%2Fetc/events").status_code in (404, 422)


@pytest.mark.slow
def test_a_million_rows(tmp_path: Path) -> None:
    begun_run(tmp_path / "runs", 1_000_000)
    with running_studio(tmp_path / "runs") as (_, client):
        rows = first_event(client)["rows"]
    assert (rows[0]["step"], rows[-1]["step"], len(rows) < 500) == (1, 1_000_000, True)
