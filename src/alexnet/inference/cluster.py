"""Many images on a Ray cluster: every task predicts a chunk of the list, and the answers come in the order of the list.

Model and images must have the same path on all machines. A process of the cluster opens the model once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alexnet.inference.inputs import ImageInput
from alexnet.inference.onnx_runtimes import Runtime
from alexnet.inference.open_classifier import open_classifier
from alexnet.inference.prediction import Prediction
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.ray_pool import on_ray


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkTask:
    """Some images for one task, and what to predict them with."""

    run: str
    device: str
    runtime: Runtime
    top: int
    views: str
    images: list[ImageInput]


def predict_on_ray(
    run: str, chunks: Sequence[list[ImageInput]], *, device: str, runtime: Runtime, top: int, views: str
) -> Iterator[list[Prediction]]:
    """The answers for each chunk, in order. Raises BadRun if Ray is not installed or cannot be reached."""
    place = str(Path(run).absolute())
    tasks = [
        ChunkTask(run=place, device=device, runtime=runtime, top=top, views=views, images=[_absolute(image) for image in images])
        for images in chunks
    ]
    early: dict[int, list[Prediction]] = {}
    due = 0
    with closing(_on_ray(tasks)) as ended:
        for number, answers in ended:
            early[number] = answers
            while due in early:
                yield early.pop(due)
                due += 1


def _on_ray(tasks: Sequence[ChunkTask]) -> Any:
    return on_ray(predict_chunk, tasks, processes=available_cpus(), should_stop=lambda: False)


def _absolute(image: ImageInput) -> ImageInput:
    return image.absolute() if isinstance(image, Path) else image


def predict_chunk(task: ChunkTask, stop: Callable[[], bool]) -> list[Prediction]:
    """The answers for the images of one task."""
    answers: list[Prediction] = _opened(task.run, task.device, task.runtime).predict(task.images, top=task.top, views=task.views)
    return answers


@cache
def _opened(run: str, device: str, runtime: Runtime) -> Any:
    return open_classifier(run, device, runtime)
