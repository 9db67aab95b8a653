"""A trained model and everything it needs to classify images: the one way a finished run is used."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.data.images.resize import fit_short_side, fit_square
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import AlexNetError, BadModel, UnreadableImage
from alexnet.evaluation.views import VIEWS, View, view_probabilities
from alexnet.inference.build import build_model
from alexnet.inference.inputs import ImageInput, decoded, each_image
from alexnet.inference.model_card import FORMAT, ModelCard, damaged_card, model_folder, read_card
from alexnet.models.base import ImageModel
from alexnet.models.handcrafted.model import rebuild
from alexnet.models.handcrafted.svm import machine_from
from alexnet.models.kinds import FROZEN
from alexnet.models.linear_probe import LinearProbe
from alexnet.models.weights.load import load_weights
from alexnet.runtime.device import autocast, choose_device, choose_precision
from alexnet.storage.tensors import read_tensors, write_tensors


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
        self.model = model.to(self.device).eval()
        self.card = card
        self.classes = card.classes

    def predict(self, images: ImageInput | Iterable[ImageInput], *, top: int = 5, views: View = "centre") -> list[Prediction]:
        """The `top` classes of each image: paths, encoded bytes, PIL images, or uint8 arrays / tensors (H, W, 3) / (3, H, W).

        One image, several, or an array of several (N, H, W, 3) / (N, 3, H, W). One that cannot be read gives a Prediction with
        `error`; it does not end the others. Raises AlexNetError for `top` below 1 or an unknown view, BadModel for scores that are
        not finite.
        """
        if top < 1:
            raise AlexNetError(f"top is {top}; it is how many classes to show, at least 1.")
        if views not in VIEWS:
            raise AlexNetError(f"There is no view '{views}'; use {', '.join(VIEWS)}.")
        return [self._predict_one(source, number, top, views) for number, source in enumerate(each_image(images))]

    def probabilities(self, images: Tensor, *, view: View = "centre") -> Tensor:
        """uint8 (N, 3, stored_size, stored_size) -> float32 (N, classes); for view "any", images of any one size."""
        with torch.inference_mode(), autocast(choose_precision("auto", self.device), self.device):
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

    def _predict_one(self, source: ImageInput, number: int, top: int, view: View) -> Prediction:
        name = str(source) if isinstance(source, (str, Path)) else f"picture {number + 1}"
        try:
            image = self.fitted(decoded(source, name), view)
        except UnreadableImage as error:
            return Prediction(name, (), error.reason)
        probabilities = self.probabilities(image[None], view=view)[0]
        if not probabilities.isfinite().all():
            raise BadModel(f"The model's scores for {name} are not finite: its weights are broken or diverged.")
        best = probabilities.topk(min(top, len(self.classes)))
        return Prediction(name, tuple((self.classes[i], p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)))

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `model.json`, each whole or not at all."""
        write_tensors(folder / "model.safetensors", self.model.learned(), {"format": str(FORMAT)})
        card = {"format": FORMAT, **{name: value for name, value in asdict(self.card).items() if value is not None}}
        card["network"] = {name: value for name, value in card["network"].items() if value is not None}
        partial = folder / "model.json.partial"
        partial.write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / "model.json")


def load(run: str | Path, *, device: str = "auto") -> Classifier:
    """The classifier of a run folder (or of its `model` folder); raises BadRun with what is missing."""
    folder = model_folder(Path(run))
    card = read_card(folder / "model.json")
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
    if card.machine is None:
        load_weights(network.network, dict(tensors), last="")
        return network
    of_machine = {name.removeprefix("machine."): value for name, value in tensors.items() if name.startswith("machine.")}
    load_weights(network.network, {name: value for name, value in tensors.items() if not name.startswith("machine.")}, last="")
    return LinearProbe(network, machine_from(of_machine, card.machine))
