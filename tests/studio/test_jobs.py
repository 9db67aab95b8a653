"""Jobs are processes of their own, told of by files: found again, one at a time, stopped and resumed, whoever is killed."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.studio.conftest import TOKEN, made_set, running_studio, until

from alexnet.errors import AlexNetError
from alexnet.studio.datasets import DataSets
from alexnet.studio.jobs import Request, add_job, is_held
from alexnet.studio.limits import Limits
from alexnet.studio.names import run_name
from alexnet.studio.queue import Queue
from alexnet.studio.refusal import Refusal
from alexnet.studio.requests import Requests
from alexnet.studio.runs import log_in
from alexnet.studio.verb import open_studio
from alexnet.studio.workspace import Workspace

QUICK = ("summary", "lenet", "--json")
WRONG = ("summary", "alexent", "--json")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    (tmp_path / "jobs").mkdir()
    found = Queue(tmp_path / "jobs", tmp_path / "machine.lock", Limits(jobs=3))
    yield found
    found.close()


def wanted(*words: str, run: str = "x") -> Request:
    return Request(kind="train", words=words, run=run)


def test_one_after_the_other_and_what_became_of_them(queue: Queue) -> None:
    good, bad = queue.add(wanted(*QUICK)), queue.add(wanted(*WRONG))
    assert (good.state(), bad.state()) == ("running", "waiting")
    with pytest.raises(Refusal, match="waits or runs already"):
        queue.add(wanted(*WRONG))
    until(lambda: good.state() == "done")
    queue.turn()
    until(lambda: bad.state() == "failed")
    output = good.output()
    assert output is not None
    assert output["models"][0]["parameters"] == 61_706
    assert "Did you mean 'alexnet'?" in bad.log()


def test_another_studio_of_this_machine_has_its_turn_first(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Queue(tmp_path / "other", tmp_path / "machine.lock", Limits())
    theirs, ours = other.add(wanted(*QUICK)), queue.add(wanted(*QUICK))
    assert (theirs.state(), ours.state()) == ("running", "waiting")
    queue.cancel(ours)
    assert queue.jobs() == []
    until(lambda: theirs.state() == "done")
    other.close()


def test_too_many_wait_and_old_ones_are_forgotten(queue: Queue) -> None:
    ended = [add_job(queue.folder, wanted("summary", "--classes", str(number))) for number in range(3)]
    for job in ended:
        job.file("lock").touch()
        job.file("out").write_text("{}")
    running = queue.add(wanted(*QUICK))
    assert [job.number for job in queue.jobs()] == [2, 3, 4], "the oldest that has ended makes room"
    queue.add(wanted("summary", "--classes", "8"))
    queue.add(wanted("summary", "--classes", "9"))
    assert [job.state() for job in queue.jobs()] == ["running", "waiting", "waiting"]
    with pytest.raises(Refusal, match="3 jobs wait"):
        queue.add(wanted(*WRONG))
    for job in queue.jobs()[1:]:
        queue.cancel(job)
    until(lambda: running.state() == "done")


def test_a_job_of_another_user_is_not_stopped(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(process: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    job = add_job(queue.folder, wanted(*QUICK))
    with job.file("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(os.getpid(), end="", file=lock, flush=True)
        with pytest.raises(Refusal, match="Another user"):
            queue.cancel(job)
        assert job.state() == "running"


def test_of_two_like_requests_at_once_one_is_added(queue: Queue) -> None:
    def add(_: int) -> bool:
        with suppress(Refusal):
            queue.add(wanted(*QUICK))
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1
    until(lambda: queue.jobs()[0].state() == "done")


def test_the_link_of_a_service_is_for_its_user_alone(queue: Queue) -> None:
    job = queue.add(Request(kind="serve", words=QUICK, run="x"))
    assert job.file("out").stat().st_mode & 0o077 == 0
    until(lambda: job.state() == "done")


def test_a_service_that_cannot_be_started_has_failed_and_says_why(queue: Queue, tmp_path: Path) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", refused)
        job = queue.add(Request(kind="serve", words=QUICK, run="x"))
    assert (job.state(), "Resource temporarily unavailable" in job.log()) == ("failed", True)
    queue.turn()
    again = Queue(queue.folder, tmp_path / "machine.lock", Limits())
    again.turn()
    assert job.state() == "failed", "it is not started as a job of the queue"
    assert queue.add(Request(kind="serve", words=QUICK, run="x")).state() == "running", "it can be asked for again"
    until(lambda: queue.jobs()[1].state() == "done")


def test_a_service_whose_studio_was_killed_before_it_started_is_no_job_of_the_queue(queue: Queue) -> None:
    service = add_job(queue.folder, Request(kind="serve", words=QUICK, run="x"))
    training = add_job(queue.folder, wanted(*QUICK))
    queue.turn()
    assert (service.state(), training.state()) == ("failed", "running")
    assert service.log() == "The studio ended before it could start this service. Start it again."
    assert log_in(service.log(), "zh") == "工作室在启动这项服务之前就已关闭。请重新启动服务。"
    until(lambda: training.state() == "done")


def test_a_lock_lives_as_long_as_its_process_and_no_longer(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    job = add_job(tmp_path / "jobs", wanted("train", "digits", "--model", "lenet", "--out", str(tmp_path / "run"), "--json"))
    with job.start() as outer:
        until(lambda: job.file("lock").read_text() != "")
        outer.kill()
        outer.wait()
        assert is_held(job.file("lock")), "its command lives"
        os.kill(int(job.file("lock").read_text()), signal.SIGKILL)
        until(lambda: not is_held(job.file("lock")))
    assert (job.state(), job.status()) == ("stopped", "")


def test_two_studios_and_a_port_in_use(tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs") as (opened, _):
        with pytest.raises(AlexNetError, match="open in another studio"), open_studio(str(tmp_path / "runs"), port=0):
            pass
        port = opened.bound.getsockname()[1]
        with pytest.raises(AlexNetError, match=f"Cannot listen on 127.0.0.1:{port}"), open_studio(str(tmp_path / "other"), port=port):
            pass
    with pytest.raises(AlexNetError, match="at least 16"), open_studio(str(tmp_path / "runs"), token="short"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(AlexNetError, match="is a file"), open_studio(str(tmp_path / "file"), port=0):
        pass
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").touch()
    with pytest.raises(AlexNetError, match="opens the folder that holds runs"), open_studio(str(tmp_path / "run"), port=0):
        pass


def test_what_cannot_be_trained_is_said_before(images: dict[str, list[Path]], tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs") as (_, client):
        made_set(client, {"0": images["0"]}, "one")
        made_set(client, {}, "none")
        for name, n in (("one", 1), ("none", 0)):
            for path in ("/api/plan", "/api/train"):
                refused = client.post(path, json={"data": name})
                assert (refused.status_code, refused.json()["error"]) == (
                    422,
                    f"A classifier needs two classes with pictures or more; {name} has {n}.",
                )
        assert (
            "Did you mean 'lenet'?" in client.post("/api/train", json={"data": "digits", "way": "model", "model": "lenett"}).json()["error"]
        )
        assert "cannot take 0 minutes: choose" in client.post("/api/train", json={"data": "digits", "minutes": 0}).json()["error"]
        from_file = {"data": "digits", "way": "model", "model": "lenet", "recipe": str(tmp_path / "recipe.toml")}
        assert "There is no recipe" in client.post("/api/train", json=from_file).json()["error"]
        for claim in ("--out", "pooling,overlap", "../x"):
            assert "There is no study" in client.post("/api/study", json={"data": "digits", "minutes": 1, "claim": claim}).json()["error"]
        assert client.post("/api/runs/nothing/again").status_code == 404
        assert client.get("/api/overview").json() == {"rows": [], "jobs": []}


def test_the_plan_says_what_how_long_and_how_exact(images: dict[str, list[Path]], tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs") as (_, client):
        made_set(client, images)
        lines = client.post("/api/plan", json={"data": "digits", "minutes": 0.5}).json()["lines"]
        chinese = client.post("/api/plan", json={"data": "digits"}, headers={"Accept-Language": "zh"}).json()["lines"]
    assert lines[0] == "36 pictures of 3 classes: about 30 to learn from, 3 for validation, 3 for the test."
    assert "hog-svm (about 2 s)" in lines[1]
    assert lines[2].startswith("It takes about 30 s at most")
    assert "with 3 test pictures" in lines[3]
    assert "10 分钟" in chinese[2]


@pytest.mark.parametrize("name", ["猫" * 40, "x" * 120, "a" * 99 + ". b", "--out"])
def test_every_name_of_a_data_set_makes_a_name_of_a_run(name: str, images: dict[str, list[Path]], tmp_path: Path, queue: Queue) -> None:
    workspace = Workspace(tmp_path / "runs")
    sets = DataSets(workspace)
    workspace.data.mkdir(parents=True)
    if name.startswith("-"):
        with pytest.raises(Refusal):
            sets.create(name)
        return
    requests = Requests(workspace, sets, queue)
    made = requests.free(f"{sets.create(name).name}-best")
    assert run_name(f"{made}-999") == f"{made}-999"
    assert made.startswith(name[:20])


@contextmanager
def killed_at_the_end(*words: str, cache: Path) -> Iterator["subprocess.Popen[str]"]:
    """A command of alexnet, which dies by SIGKILL at the end of the block."""
    environment = {**os.environ, "ALEXNET_CACHE": str(cache)}
    command = [sys.executable, "-m", "alexnet", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def rows_of(run: Path) -> int:
    return (run / "history.jsonl").read_bytes().count(b"\n") if (run / "history.jsonl").exists() else 0


@pytest.mark.slow
def test_a_training_outlives_its_studio_and_is_found_again(tmp_path: Path) -> None:
    """kill -9 of the studio in mid-training, and of the training in mid-epoch."""
    runs, cache = tmp_path / "runs", tmp_path / "cache"
    with killed_at_the_end("studio", str(runs), "--port", "0", "--no-browser", "--token", TOKEN, cache=cache) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" is at ")[1].split("?")[0]
        wish = {"data": "digits", "way": "model", "model": "lenet", "minutes": 20}
        asked = httpx.post(f"{address}api/train", json=wish, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
        run = runs / asked.json()["run"]
        until(lambda: rows_of(run) > 0, 200)
    with running_studio(runs, machine=cache / "job.lock") as (opened, client):
        job = opened.studio.queue.jobs()[0]
        assert job.state() == "running"
        before = rows_of(run)
        until(lambda: rows_of(run) > before)
        os.kill(int(job.file("lock").read_text()), signal.SIGKILL)
        until(lambda: job.state() == "stopped")
        assert [row["state"] for row in client.get("/api/overview").json()["rows"]] == ["stopped"]
        before = rows_of(run)
        assert client.post(f"/api/runs/{run.name}/resume").status_code == 201
        until(lambda: rows_of(run) > before, 200)
        resumed = opened.studio.queue.jobs()[-1]
        assert client.post(f"/api/jobs/{resumed.number}/stop").status_code == 200
        until(lambda: resumed.state() == "stopped")
        assert "Resume with:" in resumed.log()


@pytest.mark.slow
def test_a_connection_that_is_cut_in_mid_upload_leaves_no_half_image(images: dict[str, list[Path]], tmp_path: Path) -> None:
    with running_studio(tmp_path / "runs") as (opened, client):
        made_set(client, images)
        host, port = opened.bound.getsockname()[:2]
        lines = ("PUT /api/data/digits/images?class_name=0 HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {opened.token}")
        head = "\r\n".join([*lines, "Content-Length: 100000", "", ""])
        with socket.create_connection((host, port)) as half:
            half.sendall(head.encode() + b"\x89PNG" + b"x" * 50_000)
            until(lambda: any((tmp_path / "runs" / ".studio" / "uploads").iterdir()))
        until(lambda: not any((tmp_path / "runs" / ".studio" / "uploads").iterdir()))
        assert sum(client.get("/api/data/digits").json()["counts"]["0"].values()) == 12


@pytest.mark.slow
def test_a_run_that_another_process_trains_is_not_touched(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "terminal"
    words = ("train", "digits", "--model", "lenet", "--epochs", "100000", "--no-baseline", "--out", str(run))
    with killed_at_the_end(*words, cache=tmp_path / "cache") as process:
        until(lambda: rows_of(run) > 0, 200)
        with running_studio(tmp_path / "runs") as (opened, client):
            assert [row["state"] for row in client.get("/api/overview").json()["rows"]] == ["elsewhere"]
            client.post("/api/runs/terminal/resume")
            job = opened.studio.queue.jobs()[0]
            until(lambda: job.state() == "failed")
            assert "is in use by process" in job.log()
            before = rows_of(run)
            until(lambda: rows_of(run) > before)
            assert process.poll() is None
