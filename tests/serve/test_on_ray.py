"""`serve --on ray`: what a lost replica costs, by a cluster that is made up; and a real Ray on this machine."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.serve.conftest import behind_a_socket, client_of, until

from alexnet import AlexNetError
from alexnet.serve import on_ray
from alexnet.serve.app import create_app
from alexnet.serve.batching import Batcher
from alexnet.serve.models import opened
from alexnet.serve.replicas import Batch, Replica, ReplicaLost, Replicas, digest_of
from alexnet.serve.served_classifier import Row
from alexnet.serve.server import address, listen
from alexnet.serve.service import open_service
from alexnet.serve.verb import OpenServer, open_server

PNG = {"content-type": "image/png"}


@dataclass
class Cluster:
    """A far side in this process: each batch is computed by one replica, or fails as the next of `failures` says."""

    replica: Replica
    failures: list[type[Exception]] = field(default_factory=list)
    closed: bool = False

    def compute(self, batch: Batch, seconds: float) -> Any:
        if self.failures:
            raise self.failures.pop(0)
        return self.replica.compute(batch)

    def close(self) -> None:
        self.closed = True


@contextmanager
def service_on(cluster: Cluster, run: Path) -> Iterator[httpx.Client]:
    service = open_service([run], replicas=Replicas(cluster, count=2, seconds=5))
    bound = listen("127.0.0.1", 0)
    server = OpenServer(service=service, app=create_app(service), bound=bound, address=address(bound), token=None)
    with behind_a_socket(server) as place, httpx.Client(base_url=place, timeout=60) as client:
        yield client
    assert cluster.closed


def image_in(folder: Path) -> bytes:
    return sorted(folder.rglob("*.png"))[0].read_bytes()


def test_the_answers_are_those_of_a_service_without_replicas(digits_run: Path, digits_folder: Path) -> None:
    content = image_in(digits_folder)
    with client_of(digits_run) as alone, service_on(Cluster(Replica([str(digits_run)], "cpu")), digits_run) as client:
        for path in ("/v1/predict", "/v1/explain"):
            expected = alone.post(path, content=content, headers=PNG)
            found = client.post(path, content=content, headers=PNG)
            assert (found.status_code, found.json()) == (200, expected.json())
        assert client.get("/v1/models").json() == alone.get("/v1/models").json()


def test_a_lost_replica_costs_no_answer_and_two_a_503(digits_run: Path, digits_folder: Path) -> None:
    content = image_in(digits_folder)
    cluster = Cluster(Replica([str(digits_run)], "cpu"))
    with service_on(cluster, digits_run) as client:
        for failures, reason in (
            ([ReplicaLost], None),
            ([ReplicaLost, ReplicaLost], "Two replicas were lost"),
            ([TimeoutError], "No replica answered within 5 seconds"),
            ([ReplicaLost, TimeoutError], "No replica answered within 5 seconds"),
            ([], None),
        ):
            cluster.failures = list(failures)
            for path in ("/v1/predict", "/v1/explain"):
                answer = client.post(path, content=content, headers=PNG)
                if reason is None:
                    assert answer.status_code == 200
                else:
                    assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)
                    assert reason in answer.json()["error"]
                    cluster.failures = list(failures)
            cluster.failures = []


def test_a_replica_computes_the_version_that_the_service_has_loaded(digits_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run / "model", run / "model")
    replica = Replica([str(run)], "cpu")
    first, squares = digest_of(run), np.zeros((2, 3, 32, 32), np.uint8)
    card = run / "model" / "model.json"
    card.write_text(card.read_text("utf-8") + " ", "utf-8")
    second = digest_of(run)

    def answered(digest: str) -> bool:
        size = opened(run, "cpu").stored_size
        batch = Batch(path=str(run), digest=digest, asked="probabilities", squares=squares[..., :size, :size])
        return replica.compute(batch) is not None

    assert first != second
    assert [answered(first), answered(second), answered(first)] == [True, True, True], "a request keeps the model that it began with"
    assert not answered("another")
    assert not Replica([str(run)], "cpu").compute(Batch(path=str(run), digest=first, asked="rows", squares=squares))
    card.unlink()
    assert digest_of(run) == ""


def test_batches_go_to_several_replicas_at_once() -> None:
    """Each of two runs waits for the other: one after the other, neither would end."""
    both = threading.Barrier(2)

    def run(squares: NDArray[np.uint8]) -> list[Row]:
        both.wait(20)
        return [Row(square.reshape(-1).astype(np.float32)) for square in squares]

    async def answered() -> list[Row]:
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(run, executor, most=1, wait=0.0, at_once=2)
            return await batcher.rows([np.full((3, 1, 1), number, np.uint8) for number in range(4)])

    assert [row.probabilities[0] for row in asyncio.run(answered())] == [0, 1, 2, 3]


def test_refused_before_anything_starts(digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(**options: Any) -> None:
        open_server([str(digits_run)], port=0, **options)

    with pytest.raises(AlexNetError, match="--replicas is for --on ray"):
        start(replicas=2)
    with pytest.raises(AlexNetError, match="--replicas is 0; it must be at least 1"):
        start(on="ray", replicas=0)
    with pytest.raises(AlexNetError, match="Ray chooses the GPU of each replica: pass --device cuda"):
        start(on="ray", device="cuda:1")
    with pytest.raises(AlexNetError, match="ray"):
        start(on="moon")
    monkeypatch.setitem(sys.modules, "ray.serve", None)
    with pytest.raises(AlexNetError, match=r"needs Ray Serve.*'\.\[ray-serve\]'"):
        start(on="ray")


class Lost(Exception):
    """As ray.exceptions.RayError."""


class Defect(Lost, ZeroDivisionError):
    """As ray.exceptions.RayTaskError, which is of the class of its cause too."""


class Calls:
    """As a DeploymentHandle, its method, what that returns, and the module `ray.serve`."""

    def __init__(self, outcome: Any) -> None:
        self.outcome, self.deleted = outcome, ""
        self.compute, self.remote = self, lambda batch: self

    def result(self, timeout_s: float) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def delete(self, name: str) -> None:
        self.deleted = name


@pytest.mark.parametrize(
    ("outcome", "expected"), [(Lost(), ReplicaLost), (TimeoutError(), TimeoutError), (Defect(), ZeroDivisionError), ("rows", None)]
)
def test_what_ray_says_and_what_is_ended(outcome: Any, expected: type[Exception] | None) -> None:
    ended: list[bool] = []
    exceptions = SimpleNamespace(RayError=Lost, RayTaskError=Defect)
    ray, calls = SimpleNamespace(exceptions=exceptions, shutdown=lambda: ended.append(True)), Calls(outcome)
    batch = Batch(path="run", digest="", asked="rows", squares=np.zeros((1, 3, 2, 2), np.uint8))
    for started_here in (True, False):
        far = on_ray.RayServe(ray, calls, "alexnet-1", calls, started_here=started_here)
        if expected is None:
            assert far.compute(batch, 1.0) == "rows"
        else:
            with pytest.raises(expected):
                far.compute(batch, 1.0)
        far.close()
    assert (calls.deleted, ended) == ("alexnet-1", [True]), "a cluster stays as it is"


def processes(word: str, ancestor: int) -> set[int]:
    """The processes that descend from `ancestor` and have a word in their command line."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if word in entry.read_text() and ancestor in ancestors(int(entry.parent.name)):
                found.add(int(entry.parent.name))
    return found


def ancestors(pid: int) -> list[int]:
    found = [pid]
    while found[-1] > 1:
        status = Path(f"/proc/{found[-1]}/status").read_text()
        found.append(int(status.partition("PPid:")[2].split()[0]))
    return found


def still_there(pids: set[int]) -> bool:
    return any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)


def asked(place: str, content: bytes, times: int, outcomes: list[object]) -> None:
    """Ask again and again, until the service takes no connection."""
    with httpx.Client(base_url=place, timeout=60) as client:
        for _ in range(times):
            try:
                outcomes.append(client.post("/v1/predict", content=content, headers=PNG).status_code)
            except httpx.ConnectError:
                return
            except httpx.HTTPError as lost:
                outcomes.append(repr(lost))


def outcomes_under_load(service: subprocess.Popen[str], place: str, content: bytes) -> list[object]:
    """What four clients heard, while a replica was killed and then the service ended."""
    outcomes: list[object] = []
    threads = [threading.Thread(target=asked, args=(place, content, 100_000, outcomes)) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(outcomes) > 20)
    os.kill(processes("ServeReplica", service.pid).pop(), signal.SIGKILL)
    until(lambda: len(outcomes) > 200, seconds=90)
    service.send_signal(signal.SIGTERM)
    service.wait(60)
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="replicas are found in /proc")
def test_ray_itself(digits_onnx: Path, digits_folder: Path) -> None:
    """Two replicas: the same numbers, one killed and the service ended under load without a lost request, and no process left."""
    if importlib.util.find_spec("grpc_reflection") is None:
        pytest.skip("Ray Serve is not installed")
    content = image_in(digits_folder)
    command = [sys.executable, "-m", "alexnet", "serve", str(digits_onnx), "--port", "0", "--on", "ray", "--replicas", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            place = service.stdout.readline().split(" at ")[1].strip().rstrip("/")
            assert "2 replicas on Ray" in service.stdout.readline()
            with client_of(digits_onnx) as alone:
                expected = alone.post("/v1/predict", content=content, headers=PNG).json()
            assert httpx.post(f"{place}/v1/predict", content=content, headers=PNG, timeout=60).json() == expected
            of_ray = processes("raylet", service.pid)
            assert of_ray
            assert set(outcomes_under_load(service, place, content)) == {200}
        finally:
            service.kill()
    until(lambda: not still_there(of_ray))
