"""An exported model in use: the answers of `classifier.Classifier`, from one ONNX file, without PyTorch.

Nothing that is imported here imports PyTorch: NumPy, Pillow and a runtime are enough, and the first answer comes in half a second.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alexnet.data.images.pillow import decode_pixels
from alexnet.data.images.resize_pixels import fit_square_pixels
from alexnet.errors import AlexNetError, BadModel, UnreadableImage
from alexnet.inference.exported import from_metadata
from alexnet.inference.inputs import ImageInput, PendingImage, content_of, each_image, pending_image
from alexnet.inference.onnx_file import read_onnx
from alexnet.inference.onnx_runtimes import Runtime, opened
from alexnet.inference.prediction import Prediction
from alexnet.runtime.arguments import one_of, path_from, whole_number
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.thread_pool import map_in_order

BATCH = 64  # images that go through the model at once
SquareView = Literal["centre", "ten", "shifted"]  # "any" needs a model that takes every size
VIEWS: tuple[SquareView, ...] = get_args(SquareView)

Pixels = NDArray[np.uint8]
Fitted = tuple[str, Pixels | UnreadableImage]


class OnnxClassifier:
    """A file that `alexnet export` wrote, with its classes and its preprocessing. record: what the file says about itself."""

    def __init__(self, file: str | Path, *, runtime: Runtime = "onnxruntime", quick: bool = False, threads: int | None = None) -> None:
        """Open a file. quick: for few images, the first answer sooner and each a little later. threads: of ONNX Runtime; all CPUs if None.

        Raises BadModel, with the reason, for a file that is no such model; AlexNetError for a missing runtime.
        """
        path = path_from(file, "The ONNX file", BadModel)
        found = read_onnx(path)
        self.record = from_metadata(found.metadata, str(path))
        self.classes = self.record.classes
        self._run = opened(path, self.record, runtime, quick=quick, threads=threads)
        found.check_unchanged()

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from alexnet.i18n.notebook import html_table, named_classes
        from alexnet.i18n.units import percent

        record = self.record
        error = percent(record.scores.get("validation_error"))
        rows = [("classes", named_classes(self.classes)), ("pictures", f"{record.image_size} px"), ("validation error", error)]
        return html_table(f"{record.model}, an exported file in {record.precision}", rows)

    def predict(self, images: ImageInput | Iterable[ImageInput], *, top: int = 5, views: str = "centre") -> list[Prediction]:
        """The `top` classes of each image, in order: images and errors as for `Classifier.predict`, views centre, ten or shifted."""
        return list(self.predictions(images, top=top, views=views))

    def predictions(self, images: ImageInput | Iterable[ImageInput], *, top: int = 5, views: str = "centre") -> Iterator[Prediction]:
        """The same one by one; memory does not grow with the number of images."""
        count = min(whole_number(top, "top", least=1), len(self.classes))
        view = self._view(views)
        with closing(self._fitted(images)) as fitted:
            while several := tuple(islice(fitted, BATCH)):  # in the order of the images, unreadable ones among them
                yield from self._answers(several, count, view)

    def probabilities(self, images: Pixels, *, view: SquareView = "centre") -> NDArray[np.float32]:
        """uint8 (N, 3, stored_size, stored_size), or of the image size -> float32 (N, classes)."""
        crops = [self._run(np.ascontiguousarray(crop)) for crop in self._crops(images, view)]
        found: NDArray[np.float32] = np.mean(crops, axis=0, dtype=np.float32)
        return found

    def fitted(self, pixels: Pixels) -> Pixels:
        """One image (H, W, 3) as the square that views are taken from, (3, stored_size, stored_size)."""
        return np.ascontiguousarray(fit_square_pixels(pixels, self.record.stored_size, self.record.fit).transpose(2, 0, 1))

    def _view(self, views: object) -> SquareView:
        if views == "any":
            size = self.record.image_size
            raise AlexNetError(
                f"An exported model takes {size} x {size} pictures only; use --views centre, ten or shifted, or the run folder."
            )
        return one_of(views, "view", VIEWS)

    def _crops(self, images: Pixels, view: SquareView) -> Iterator[Pixels]:
        """The parts of the squares that the model sees; see evaluation.views."""
        size = self.record.image_size
        if view == "shifted":
            images = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
        margin = images.shape[-1] - size
        for top, left in _corners(margin, view):
            crop = images[..., top : top + size, left : left + size]
            yield crop
            if view != "centre" and self.record.flip:
                yield crop[..., ::-1]

    def _fitted(self, images: ImageInput | Iterable[ImageInput]) -> Generator[Fitted]:
        pending = (pending_image(image, number) for number, image in enumerate(each_image(images), start=1))
        with closing(map_in_order(self._fitted_or_error, pending, threads=available_cpus())) as found:
            yield from found

    def _fitted_or_error(self, image: PendingImage) -> Fitted:
        try:
            content = content_of(image)
            pixels = decode_pixels(content, image.name)[0] if isinstance(content, bytes) else content.transpose(1, 2, 0)
            return image.name, self.fitted(pixels)
        except UnreadableImage as problem:
            return image.name, problem

    def _answers(self, several: tuple[Fitted, ...], count: int, view: SquareView) -> Iterator[Prediction]:
        readable = [(name, image) for name, image in several if not isinstance(image, UnreadableImage)]
        best = iter(self._best([name for name, _ in readable], [image for _, image in readable], count, view))
        for name, image in several:
            empty = Prediction(name, ())
            yield replace(empty, error=image.reason) if isinstance(image, UnreadableImage) else replace(empty, top=next(best))

    def _best(self, names: list[str], images: list[Pixels], count: int, view: SquareView) -> list[tuple[tuple[str, float], ...]]:
        """The `count` most likely classes of each image, best first; raises BadModel for scores that are not finite."""
        if not images:
            return []
        probabilities = self.probabilities(np.stack(images), view=view)
        finite = np.isfinite(probabilities).all(axis=1)
        if not finite.all():
            raise BadModel(f"The model's scores for {names[int(finite.argmin())]} are not finite: the file is damaged. Export it again.")
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
        return [
            tuple((self.classes[number], float(row[number])) for number in best) for row, best in zip(probabilities, order, strict=True)
        ]


def _corners(margin: int, view: SquareView) -> list[tuple[int, int]]:
    """The top left corners of the crops of a square that is larger than they are by `margin` px."""
    middle = margin // 2
    if view == "shifted":
        return [(middle + shift, middle + shift) for shift in (0, -1, 1)]
    corners = [(top, left) for top in (0, margin) for left in (0, margin)] if margin and view == "ten" else []
    return [*corners, (middle, middle)]
