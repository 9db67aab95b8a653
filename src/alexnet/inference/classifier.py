"""A trained model and everything it needs to classify images: the one way a finished run is used."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from alexnet.data.images.resize import fit_short_side, fit_square
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadModel, BadRun, UnreadableImage
from alexnet.evaluation.batches import batches_by_shape
from alexnet.evaluation.views import VIEWS, View, view_probabilities
from alexnet.inference.build import build_model
from alexnet.inference.inputs import Held, ImageInput, decoded, each_image, taken
from alexnet.inference.model_card import FORMAT, ModelCard, damaged_card, model_folder, read_card
from alexnet.models.base import ImageModel
from alexnet.models.handcrafted.model import rebuild
from alexnet.models.handcrafted.svm import machine_from
from alexnet.models.kinds import FROZEN
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.weights.load import load_weights
from alexnet.runtime.arguments import one_of, path_from, whole_number
from alexnet.runtime.device import Precision, autocast, choose_device, choose_precision
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.thread_pool import map_in_order
from alexnet.storage.tensors import read_tensors, write_tensors

BATCH = 64  # images that go through the model at once
ROUNDING: dict[Precision, float] = {"fp64": 1e-12, "fp32": 1e-4, "bf16": 0.05}  # of a probability, between one batch and another


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of one image, best first; `error` says why there are none."""

    file: str
    top: tuple[tuple[str, float], ...]  # (class, probability)
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The keys of the command line's contract."""
        top = [{"class": name, "probability": probability} for name, probability in self.top]
        return {"file": self.file, "top": top, "error": self.error}


class Classifier:
    """A model behind the seam with its classes and its preprocessing; `load` makes one from a run folder."""

    def __init__(self, model: ImageModel, card: ModelCard, *, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.precision = precision_here(card.precision, self.device)
        self.model = model.to(self.device).eval()
        self.card = card
        self.classes = card.classes

    def predict(self, images: ImageInput | Iterable[ImageInput], *, top: int = 5, views: View = "centre") -> list[Prediction]:
        """The `top` classes of each image, in order.

        images: one or several, in any mixture and from any iterator: paths; encoded bytes; open binary files, read from where they stand;
        Pillow images; uint8 arrays and tensors of one image or of several, gray, RGB or RGBA (laid on white), channels first or last. A
        shape that can be read in several ways is RGB before gray before RGBA, and channels first before channels last: (3, H, 3) is
        (C, H, W). (N, H, W) is several gray images unless its first or last side is 1, 3 or 4 (see inference.arrays).

        They are decoded by threads, a few ahead, and go through the model in batches; memory does not grow with their number. The batch
        that an image falls into changes its probabilities by rounding alone, by no more than ROUNDING.

        An image that cannot be read returns a Prediction with `error`; it does not end the others. Raises AlexNetError for `top` below 1,
        an unknown view, or what holds no images; BadModel for scores that are not finite.
        """
        count = min(whole_number(top, "top", least=1), len(self.classes))
        one_of(views, "view", VIEWS)
        answers: list[Prediction] = []

        def readable() -> Iterator[tuple[int, Tensor]]:
            for name, image in self._fitted(images, views):
                if isinstance(image, UnreadableImage):
                    answers.append(Prediction(name, (), image.reason))
                else:
                    answers.append(Prediction(name, ()))
                    yield len(answers) - 1, image

        with closing(batches_by_shape(readable(), BATCH)) as batches:
            for rows, batch in batches:
                probabilities = self.probabilities(batch, view=views)
                _check_finite(probabilities, [answers[row].file for row in rows])
                for row, best in zip(rows, self._best(probabilities, count), strict=True):
                    answers[row] = replace(answers[row], top=best)
        return answers

    def _best(self, probabilities: Tensor, count: int) -> Iterator[tuple[tuple[str, float], ...]]:
        """The `count` most likely classes of each row, best first."""
        best = probabilities.topk(count)
        for values, numbers in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            yield tuple((self.classes[number], value) for number, value in zip(numbers, values, strict=True))

    def _fitted(self, images: ImageInput | Iterable[ImageInput], view: View) -> Iterator[tuple[str, Tensor | UnreadableImage]]:
        """(name, image at the view's size) of each image, in order; the reason instead of one that cannot be read."""
        held = (taken(image, number) for number, image in enumerate(each_image(images), start=1))
        with closing(map_in_order(partial(self._fitted_or_reason, view), held, threads=available_cpus())) as found:
            yield from found

    def _fitted_or_reason(self, view: View, image: Held) -> tuple[str, Tensor | UnreadableImage]:
        try:
            return image.name, self.fitted(decoded(image), view)
        except UnreadableImage as problem:
            return image.name, problem

    def probabilities(self, images: Tensor, *, view: View = "centre") -> Tensor:
        """uint8 (N, 3, stored_size, stored_size) -> float32 (N, classes); for view "any", images of any one size."""
        with torch.inference_mode(), autocast(self.precision, self.device):
            return view_probabilities(self.model, images.to(self.device), view, flip=self.card.flip).float().cpu()

    def scores(self, images: Tensor) -> Tensor:
        """The seam itself: uint8 (N, 3, H, W) of at least the model's size -> float32 scores of the centres (N, classes)."""
        with torch.inference_mode():
            scores: Tensor = self.model(centre_crop(images.to(self.device), self.model.image_size)).cpu()
        return scores

    def fitted(self, image: Tensor, view: View = "centre") -> Tensor:
        """One decoded image (3, H, W), brought to the size that the view looks at."""
        preprocess = self.card.preprocess
        if view == "any":
            return fit_short_side(image, preprocess.stored_size)
        return fit_square(image, preprocess.stored_size, preprocess.fit)

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `model.json`, each whole or not at all."""
        write_tensors(folder / "model.safetensors", self.model.learned(), {"format": str(FORMAT)})
        card = {"format": FORMAT, **{name: value for name, value in asdict(self.card).items() if value is not None}}
        card["network"] = {name: value for name, value in card["network"].items() if value is not None}
        partial = folder / "model.json.partial"
        partial.write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / "model.json")


def _check_finite(probabilities: Tensor, names: Sequence[str]) -> None:
    finite = probabilities.isfinite().all(dim=1).tolist()
    if not all(finite):
        broken = names[finite.index(False)]
        raise BadModel(f"The model's scores for {broken} are not finite: its weights are broken or diverged.")


def precision_here(trained: Precision | None, device: torch.device) -> Precision:
    """The precision a model was trained in, where this device computes in it; None: the device's own choice.

    A model of bf16 runs in fp32 where bf16 would be emulated: more exact, and not slower.
    """
    own = choose_precision("auto", device)
    return "fp32" if trained == "bf16" and own != "bf16" else choose_precision(trained or "auto", device)


def load(run: str | Path, *, device: str = "auto") -> Classifier:
    """The classifier of a run folder (or of its `model` folder); raises BadRun with what is missing."""
    choose_device(device)  # a mistake in it is told before anything is read
    folder = model_folder(path_from(run, "The run folder", BadRun))
    card = read_card(folder / "model.json")
    if card.precision not in (None, *get_args(Precision)):
        raise damaged_card(folder / "model.json", ValueError(f"its precision is {card.precision!r}"))
    tensors, _ = read_tensors(folder / "model.safetensors")
    try:
        model = _built(card, tensors)
    except (TypeError, ValueError, AttributeError, KeyError, RuntimeError, MemoryError, OverflowError) as error:
        raise damaged_card(folder / "model.json", error) from None
    return Classifier(model, card, device=device)


def _built(card: ModelCard, tensors: Mapping[str, Tensor]) -> ImageModel:
    """The model that the card describes, with its tensors; which kind it is nobody needs to know afterwards."""
    classes, preprocess = len(card.classes), card.preprocess
    if card.features is not None and card.machine is not None:
        return rebuild(card.features, card.machine, tensors, image_size=preprocess.image_size, classes=classes)
    network = build_model(card.model.removesuffix(FROZEN), card.network, classes, card.channels, preprocess)
    if card.precision == "fp64":
        network = network.double()  # before the weights come, which would be rounded
    if card.machine is None:
        load_weights(network.network, dict(tensors), last="")
        return network
    of_machine = {name.removeprefix("machine."): value for name, value in tensors.items() if name.startswith("machine.")}
    load_weights(network.network, {name: value for name, value in tensors.items() if not name.startswith("machine.")}, last="")
    return LinearProbe(network, machine_from(of_machine, card.machine))
