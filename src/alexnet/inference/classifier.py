"""A trained model and everything it needs to classify images: the one way a finished run is used."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from alexnet.data.images.resize import fit_square, fit_whole
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import AlexNetError, BadModel, BadRun, UnreadableImage
from alexnet.evaluation.batches import batches_by_shape
from alexnet.evaluation.views import VIEWS, View, softmax, view_probabilities
from alexnet.i18n.notebook import html_table, named_classes
from alexnet.i18n.units import percent
from alexnet.inference.build import build_model
from alexnet.inference.compressed_file import CompressedModel, read_compressed
from alexnet.inference.decoding import decoded
from alexnet.inference.familiarity import Familiarity, read_familiarity
from alexnet.inference.inputs import ImageInput, PendingImage, each_image, pending_image
from alexnet.inference.model_card import FORMAT, ModelCard, damaged_card, model_json, read_card
from alexnet.inference.model_folder import is_compressed, model_folder
from alexnet.inference.prediction import Prediction
from alexnet.models.handcrafted.model import rebuild
from alexnet.models.handcrafted.svm import machine_from
from alexnet.models.image_model import ImageModel
from alexnet.models.kinds import FROZEN
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.weights.load import load_weights
from alexnet.runtime.arguments import one_of, path_from, whole_number
from alexnet.runtime.device import Precision, autocast, choose_device, choose_precision
from alexnet.runtime.machine import available_cpus
from alexnet.runtime.thread_pool import map_in_order
from alexnet.storage.files import write_atomically, writing
from alexnet.storage.tensors import read_tensors, write_tensors

BATCH = 64  # images that go through the model at once
ROUNDING: dict[Precision, float] = {"fp64": 1e-12, "fp32": 1e-4, "bf16": 0.05}  # of a probability, between one batch and another


class Classifier:
    """A model behind the seam with its classes and its preprocessing; `load` makes one from a run folder."""

    def __init__(self, model: ImageModel, model_card: ModelCard, *, device: str = "auto", familiarity: Familiarity | None = None) -> None:
        self.process = os.getpid()
        self.device = choose_device(device)
        self.precision = precision_here(model_card.precision, self.device)
        self.model = model.to(self.device).eval()
        self.model_card = model_card
        self.classes = model_card.classes
        self.familiarity = familiarity

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        trained = self.model_card
        error = percent(trained.scores.get("validation_error"))
        rows = [("classes", named_classes(self.classes)), ("pictures", f"{trained.preprocess.image_size} px"), ("validation error", error)]
        return html_table(f"{trained.model} on {self.device}", rows)

    @property
    def network(self) -> nn.Module:
        """The trained module without its normalisation, plain layers for PyTorch; raises BadModel for what is no network."""
        found = getattr(self.model, "network", None)
        if not isinstance(found, nn.Module):
            raise BadModel(f"{self.model_card.model} is no network; its module is `model`.")
        return found

    def predict(self, images: ImageInput | Iterable[ImageInput], *, top: int = 5, views: View = "centre") -> list[Prediction]:
        """The `top` classes of each image, in order.

        images: one or several, in any mixture and from any iterator: paths; encoded bytes; open binary files, read from their current
        position; Pillow images; uint8 arrays and tensors of one or several images, gray, RGB or RGBA (composited on white), channels
        first or last. An ambiguous shape is read as RGB before gray before RGBA, and as channels first before channels last: (3, H, 3)
        is (C, H, W). (N, H, W) is several gray images unless its first or last side is 1, 3 or 4 (see inference.arrays).

        Images are decoded by threads, a few ahead, and go through the model in batches; memory does not grow with their number. The batch
        that an image falls into changes its probabilities only by rounding, by no more than ROUNDING.

        An image that cannot be read yields a Prediction with `error`; the others are still predicted. Raises AlexNetError for `top` below
        1, an unknown view, or an argument that is not images; BadModel for scores that are not finite.
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
                probabilities, unlike = self.judged(batch, views)
                _check_finite(probabilities, [answers[row].file for row in rows])
                for row, best, far in zip(rows, self._best(probabilities, count), unlike, strict=True):
                    answers[row] = replace(answers[row], top=best, unlike=far)
        return answers

    def _best(self, probabilities: Tensor, count: int) -> Iterator[tuple[tuple[str, float], ...]]:
        """The `count` most likely classes of each row, best first."""
        best = probabilities.topk(count)
        for values, numbers in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            yield tuple((self.classes[number], value) for number, value in zip(numbers, values, strict=True))

    def _fitted(self, images: ImageInput | Iterable[ImageInput], view: View) -> Iterator[tuple[str, Tensor | UnreadableImage]]:
        """(name, image at the view's size) of each image, in order; the error in place of an image that cannot be read."""
        pending = (pending_image(image, number) for number, image in enumerate(each_image(images), start=1))
        with closing(map_in_order(partial(self._fitted_or_error, view), pending, threads=available_cpus())) as found:
            yield from found

    def _fitted_or_error(self, view: View, image: PendingImage) -> tuple[str, Tensor | UnreadableImage]:
        try:
            return image.name, self.fitted(decoded(image), view)
        except UnreadableImage as problem:
            return image.name, problem

    def probabilities(self, images: Tensor, *, view: View = "centre") -> Tensor:
        """uint8 (N, 3, stored_size, stored_size) -> float32 (N, classes); for view "any", images of any one size."""
        self._check_process()
        with torch.inference_mode(), autocast(self.precision, self.device):
            return view_probabilities(self.model, images.to(self.device), view, flip=self.model_card.flip).float().cpu()

    def judged(self, images: Tensor, view: View = "centre") -> tuple[Tensor, Sequence[bool | None]]:
        """Probabilities, and whether each image is unlike the training images, judged by its centre; None for whole images of any size."""
        if self.familiarity is None or view == "any":
            return self.probabilities(images, view=view), [None] * len(images)
        hidden = self.hidden(images)
        unlike = self.familiarity.unlike(hidden)
        if view == "centre":
            with torch.inference_mode(), autocast(self.precision, self.device):
                return softmax(self.model.scores_of(hidden)).float().cpu(), unlike
        return self.probabilities(images, view=view), unlike

    def hidden(self, images: Tensor) -> Tensor:
        """The last hidden layer of the centres, on the model's device: uint8 (N, 3, H, W) -> (N, units); BadModel if there is none."""
        self._check_process()
        with torch.inference_mode(), autocast(self.precision, self.device):
            return self.model.hidden(centre_crop(images.to(self.device), self.model.image_size))

    def scores(self, images: Tensor) -> Tensor:
        """The seam itself: uint8 (N, 3, H, W) of at least the model's size -> float32 scores of the centres (N, classes)."""
        self._check_process()
        with torch.inference_mode():
            scores: Tensor = self.model(centre_crop(images.to(self.device), self.model.image_size)).cpu()
        return scores

    def _check_process(self) -> None:
        """Raise AlexNetError in a process forked from one that uses a GPU: CUDA does not survive a fork; the CPU does."""
        if self.device.type != "cpu" and self.process != os.getpid():
            raise AlexNetError(
                f"This process was forked from one that has loaded the model on {self.device}, which only that one can use. Load the model "
                'in this process, and start it by multiprocessing.get_context("spawn").'
            )

    def fitted(self, image: Tensor, view: View = "centre") -> Tensor:
        """One decoded image (3, H, W), resized for the view."""
        preprocess = self.model_card.preprocess
        if view == "any":
            return fit_whole(image, preprocess.stored_size)
        return fit_square(image, preprocess.stored_size, preprocess.fit)

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `model.json`, each completely or not at all."""
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_tensors(folder / "model.safetensors", self.model.learned(), {"format": str(FORMAT)})
        write_atomically(folder / "model.json", json.dumps(model_json(self.model_card), indent=1, ensure_ascii=False))
        if self.familiarity is not None:
            self.familiarity.save(folder)


def _check_finite(probabilities: Tensor, names: Sequence[str]) -> None:
    finite = probabilities.isfinite().all(dim=1).tolist()
    if not all(finite):
        broken = names[finite.index(False)]
        raise BadModel(f"The model's scores for {broken} are not finite: its weights are damaged or have diverged. Train the model again.")


def precision_here(trained: Precision | None, device: torch.device) -> Precision:
    """The precision to predict in on `device`: the one that the model was trained in, or the device's default if that is None.

    A model trained in bf16 runs in fp32 on a device that would only emulate bf16: that is more exact, and not slower.
    """
    own = choose_precision("auto", device)
    return "fp32" if trained == "bf16" and own != "bf16" else choose_precision(trained or "auto", device)


def load(run: str | Path, *, device: str = "auto") -> Classifier:
    """The classifier in a run folder (or in its `model` folder), or in a file that `alexnet export --compress` wrote.

    Raises BadRun if a file of the folder is missing or damaged, BadModel for a damaged compressed file.
    """
    choose_device(device)  # reports a bad device before anything is read
    path = path_from(run, "The run folder", BadRun)
    if is_compressed(path):
        return from_compressed(read_compressed(path), str(path), device=device)
    folder = model_folder(path)
    model_card = read_card(folder / "model.json")
    if model_card.precision not in (None, *get_args(Precision)):
        raise damaged_card(folder / "model.json", ValueError(f"its precision is {model_card.precision!r}"))
    tensors, _ = read_tensors(folder / "model.safetensors")
    try:
        model = _built(model_card, tensors)
    except (TypeError, ValueError, AttributeError, KeyError, RuntimeError, MemoryError, OverflowError) as error:
        raise damaged_card(folder / "model.json", error) from None
    return Classifier(model, model_card, device=device, familiarity=read_familiarity(folder))


def from_compressed(found: CompressedModel, name: str, *, device: str = "auto") -> Classifier:
    """The classifier in a compressed file called `name`; raises BadModel if its weights are another network's."""
    try:
        model = _built(found.model_card, found.tensors)
    except (TypeError, ValueError, AttributeError, KeyError, RuntimeError, MemoryError, OverflowError, AlexNetError) as error:
        raise BadModel(f"{name} does not hold the weights of the network that it describes ({error}). Export it again.") from None
    return Classifier(model, found.model_card, device=device)


def _built(model_card: ModelCard, tensors: Mapping[str, Tensor]) -> ImageModel:
    """The model that the model card describes, with its weights; callers do not need to know its kind."""
    classes, preprocess = len(model_card.classes), model_card.preprocess
    if model_card.features is not None and model_card.machine is not None:
        return rebuild(model_card.features, model_card.machine, tensors, image_size=preprocess.image_size, classes=classes)
    network = build_model(model_card.model.removesuffix(FROZEN), model_card.network, classes, model_card.channels, preprocess)
    if model_card.precision == "fp64":
        network = network.double()  # before loading, which would round the weights otherwise
    if model_card.machine is None:
        network.temperature = 1.0 if model_card.temperature is None else model_card.temperature
        load_weights(network.network, dict(tensors), last="")
        return network
    of_machine = {name.removeprefix("machine."): value for name, value in tensors.items() if name.startswith("machine.")}
    load_weights(network.network, {name: value for name, value in tensors.items() if not name.startswith("machine.")}, last="")
    return LinearProbe(network, machine_from(of_machine, model_card.machine))
