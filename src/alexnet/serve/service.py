"""What the routes of one service share: its models, limits, counts and threads. Independent of HTTP's forms."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fastapi import HTTPException

from alexnet.errors import UnreadableImage
from alexnet.runtime.machine import available_cpus
from alexnet.serve.admission import Admission
from alexnet.serve.batching import Batcher, Run
from alexnet.serve.limits import Limits
from alexnet.serve.metrics import Metrics
from alexnet.serve.models import LoadedModel, ServedModels, open_models, opened
from alexnet.serve.replicas import Replicas
from alexnet.serve.served_classifier import Row, Square
from alexnet.serve.uploads import Upload

log = logging.getLogger(__name__)
NOT_FINITE = "cannot be classified: the model's scores for it are not finite"


@dataclass(slots=True)
class State:
    """closing: the service is ending; it answers what it accepted, and asks for connections to be closed."""

    closing: bool = False
    explanations: int = 0  # accepted and not answered


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service. Images are decoded in several threads; models run in one, which has all cores to itself in each run, or in replicas."""

    models: ServedModels
    limits: Limits
    admission: Admission
    metrics: Metrics
    decoding: Executor
    running: Executor
    explaining: Executor
    replicas: Replicas | None = None
    state: State = field(default_factory=State)

    @asynccontextmanager
    async def time_limit(self, seconds: float) -> AsyncIterator[None]:
        """Raise HTTPException 503 when the block takes longer; what has not begun of its work is dropped."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise self.admission.refusal(f"There was no answer within {seconds:g} seconds.") from None

    async def fitted(self, loaded: LoadedModel, images: Sequence[Upload | Square]) -> list[Square | UnreadableImage]:
        """Each image, encoded or as pixels (3, H, W), as the model's square, or why it cannot be read; the event loop is free meanwhile."""
        loop = asyncio.get_running_loop()
        fitted = [loop.run_in_executor(self.decoding, _fitted, loaded, image, self.limits.pixels) for image in images]
        return await asyncio.gather(*fitted)

    async def rows(self, loaded: LoadedModel, squares: Sequence[Square | UnreadableImage]) -> list[Row | UnreadableImage]:
        """The answer for each square, in batches with those of other requests; errors stay in their places."""
        rows = iter(await loaded.batcher.rows([square for square in squares if not isinstance(square, UnreadableImage)]))
        answers = [square if isinstance(square, UnreadableImage) else _finite(next(rows)) for square in squares]
        unreadable = sum(isinstance(answer, UnreadableImage) for answer in answers)
        self.metrics.unreadable.labels(loaded.name).inc(unreadable)
        self.metrics.images.labels(loaded.name).inc(len(answers) - unreadable)
        return answers

    async def watch(self) -> None:
        """Load models again whose files change, until cancelled."""
        while True:
            await asyncio.sleep(self.limits.reload_seconds)
            for model in self.models.by_name.values():
                try:
                    if await asyncio.to_thread(model.refresh):
                        self.metrics.reloads.labels(model.name).inc()
                except Exception:  # the service keeps the model that it has
                    log.exception("A defect while looking for changes of %s", model.name)

    def close(self) -> None:
        """End the threads, after what they are doing, and the replicas."""
        self.decoding.shutdown(wait=True, cancel_futures=True)
        self.running.shutdown(wait=True, cancel_futures=True)
        self.explaining.shutdown(wait=True, cancel_futures=True)
        if self.replicas is not None:
            self.replicas.close()


def _fitted(loaded: LoadedModel, image: Upload | Square, pixels: int) -> Square | UnreadableImage:
    try:
        if isinstance(image, Upload):
            return loaded.classifier.decoded(image.content, image.name, pixels)
        return loaded.classifier.fitted(image)
    except UnreadableImage as problem:
        return problem


def _finite(row: Row) -> Row | UnreadableImage:
    return row if bool(np.isfinite(row.probabilities).all()) else UnreadableImage("image", NOT_FINITE)


def top_classes(loaded: LoadedModel, row: Row, count: int) -> list[dict[str, str | float]]:
    """The `count` most likely classes of an answer, best first."""
    return [{"class": loaded.classifier.classes[number], "probability": value} for number, value in row.best(count)]


def open_service(
    paths: Sequence[Path],
    *,
    limits: Limits | None = None,
    device: str = "auto",
    names: Sequence[str] | None = None,
    replicas: Replicas | None = None,
) -> Service:
    """Load the models and run each once, here or in each of the replicas; raises AlexNetError for one that cannot be loaded."""
    limits = limits or Limits()
    admission = Admission(limits.images_in_flight, limits.body_bytes_in_flight)
    metrics = Metrics(admission)
    at_once = 1 if replicas is None else replicas.count
    running = ThreadPoolExecutor(at_once, thread_name_prefix="model")

    def heard(images: int, seconds: float) -> None:
        admission.measured(images * at_once, seconds)
        metrics.batch(images, seconds)

    def batcher(run: Run) -> Batcher:
        return Batcher(run, running, most=limits.batch, wait=limits.batch_wait_seconds, at_once=at_once, on_batch=heard)

    open_model = opened if replicas is None else replicas.opened
    models = open_models(paths, batcher, device=device, names=names, open_model=open_model)
    for served in models.by_name.values():
        size = served.current.classifier.stored_size
        first = np.zeros((1, 3, size, size), np.uint8)
        for run in [running.submit(served.current.classifier.rows, first) for _ in range(at_once)]:
            run.result()
    return Service(
        models=models,
        limits=limits,
        admission=admission,
        metrics=metrics,
        decoding=ThreadPoolExecutor(available_cpus(), thread_name_prefix="decode"),
        running=running,
        explaining=ThreadPoolExecutor(1, thread_name_prefix="explain"),
        replicas=replicas,
    )


def unreadable(problem: UnreadableImage) -> HTTPException:
    """The answer to a request whose only image cannot be read."""
    return HTTPException(422, f"The image {problem.reason}.")
