"""A trained model and everything it needs to classify pictures: the one way a finished run is used."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alexnet.data.augment import centre_crop
from alexnet.data.images import decode, fit_short_side, fit_square, from_pillow
from alexnet.data.preprocess import Preprocess
from alexnet.device import autocast, choose_device, choose_precision
from alexnet.errors import AlexNetError, BadModel, BadRun, UnreadableImage
from alexnet.evaluation.views import VIEWS, View, view_probabilities
from alexnet.models.architecture import NetworkChoices, vary
from alexnet.models.catalog import find_architecture
from alexnet.models.frozen import FrozenModel
from alexnet.models.handcrafted.machines import machine_from
from alexnet.models.handcrafted.model import rebuild
from alexnet.models.handcrafted.system import FeatureConfig
from alexnet.models.network import Network
from alexnet.models.pixels import NetworkModel, Normalise
from alexnet.models.seam import ImageModel
from alexnet.models.shapes import last_name
from alexnet.models.weights import load_weights
from alexnet.training.checkpoint import read_tensors, write_tensors

FORMAT = 1
FROZEN = "+svm"  # after a network's name: its last hidden layer under another machine
Picture = str | Path | bytes | Image.Image | NDArray[np.uint8] | Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What `model.json` says: enough to build the model again and to know what it is worth.

    features and machine are a hand-crafted system's; a machine alone stands on the frozen network that the rest describes.
    """

    model: str
    classes: tuple[str, ...]
    channels: int
    preprocess: Preprocess
    network: NetworkChoices
    flip: bool  # whether a mirrored picture keeps its class, for the ten views
    scores: dict[str, Any]
    versions: dict[str, str]
    features: FeatureConfig | None = None
    machine: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of one picture, best first; `error` says why there are none."""

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

    def predict(self, pictures: Picture | Iterable[Picture], *, top: int = 5, views: View = "centre") -> list[Prediction]:
        """The `top` classes of each picture: paths, encoded bytes, PIL images, or uint8 arrays / tensors (H, W, 3) / (3, H, W).

        One picture, several, or an array of several (N, H, W, 3) / (N, 3, H, W). One that cannot be read gives a Prediction with
        `error`; it does not end the others. Raises AlexNetError for `top` below 1 or an unknown view, BadModel for scores that are
        not finite.
        """
        if top < 1:
            raise AlexNetError(f"top is {top}; it is how many classes to show, at least 1.")
        if views not in VIEWS:
            raise AlexNetError(f"There is no view '{views}'; use {', '.join(VIEWS)}.")
        return [self._predict_one(picture, number, top, views) for number, picture in enumerate(_each(pictures))]

    def probabilities(self, images: Tensor, *, view: View = "centre") -> Tensor:
        """uint8 (N, 3, stored_size, stored_size) -> float32 (N, classes); for view "any", pictures of any one size."""
        with torch.inference_mode(), autocast(choose_precision("auto", self.device), self.device):
            return view_probabilities(self.model, images.to(self.device), view, flip=self.card.flip).float().cpu()

    def scores(self, images: Tensor) -> Tensor:
        """The seam itself: uint8 (N, 3, H, W) of at least the model's size -> float32 scores of the centres (N, classes)."""
        with torch.inference_mode():
            scores: Tensor = self.model(centre_crop(images.to(self.device), self.model.image_size)).cpu()
        return scores

    def fitted(self, image: Tensor, view: View = "centre") -> Tensor:
        """One decoded picture (3, H, W), brought to the size that the view looks at."""
        preprocess = self.card.preprocess
        if view == "any":
            return fit_short_side(image, preprocess.stored_size)
        return fit_square(image, preprocess.stored_size, preprocess.fit)

    def _predict_one(self, picture: Picture, number: int, top: int, view: View) -> Prediction:
        name = str(picture) if isinstance(picture, (str, Path)) else f"picture {number + 1}"
        try:
            image = self.fitted(_decoded(picture, name), view)
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
    folder = _model_folder(Path(run))
    card = _read_card(folder / "model.json")
    tensors, _ = read_tensors(folder / "model.safetensors")
    try:
        model = _built(card, tensors)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise _damaged(folder / "model.json", error) from None
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
    return FrozenModel(network, machine_from(of_machine, card.machine))


def build_model(name: str, choices: NetworkChoices, classes: int, channels: int, preprocess: Preprocess) -> NetworkModel:
    """The untrained network of a catalogue name behind the seam, on pictures preprocessed like that."""
    architecture = vary(find_architecture(name), choices)
    network = Network(architecture, classes=classes, channels=channels, image_size=preprocess.image_size)
    model = NetworkModel(network, Normalise(preprocess.mean, preprocess.std))
    return model.to(memory_format=torch.channels_last)


def last_layer(model: NetworkModel) -> str:
    """The state-dict name of the layer that gives the scores."""
    network = model.network
    name = last_name(network.architecture)
    return f"classifier.{len(network.classifier) - 1}" if network.architecture.numbered else f"classifier.{name}"


def _model_folder(path: Path) -> Path:
    for folder in (path / "model", path):
        if (folder / "model.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    if (path / "recipe.toml").is_file():
        command = shlex.join(["alexnet", "train", "--out", str(path), "--resume"])
        raise BadRun(f"{path} holds a training that has not finished; go on with: {command}")
    raise BadRun(
        f"{path} holds no trained model (model/model.json and model/model.safetensors); give the folder that `alexnet train --out` wrote."
    )


def _read_card(path: Path) -> ModelCard:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise BadRun(f"{path} was written by another version of alexnet; train again, or use that version.")
        size: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.pop("preprocess").items()}
        network = NetworkChoices(**values.pop("network"))
        features = FeatureConfig(**values.pop("features")) if "features" in values else None
        return ModelCard(classes=tuple(values.pop("classes")), preprocess=Preprocess(**size), network=network, features=features, **values)
    except AlexNetError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BadRun:
    return BadRun(f"{path} is damaged ({error}); copy the run again or train again.")


def _each(pictures: Picture | Iterable[Picture]) -> Iterable[Picture]:
    if isinstance(pictures, (Tensor, np.ndarray)):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    return [pictures] if isinstance(pictures, (str, Path, bytes, Image.Image)) else pictures


def _decoded(picture: Picture, name: str) -> Tensor:
    if isinstance(picture, (str, Path)):
        try:
            return decode(Path(picture).read_bytes(), name)
        except OSError as error:
            raise UnreadableImage(name, f"cannot be opened: {error.strerror or error}") from None
    if isinstance(picture, bytes):
        return decode(picture, name)
    if isinstance(picture, Image.Image):
        return from_pillow(picture, name)
    return _channels_first(torch.as_tensor(np.array(picture)) if isinstance(picture, np.ndarray) else picture, name)


def _channels_first(image: Tensor, name: str) -> Tensor:
    if image.dtype != torch.uint8:
        raise UnreadableImage(name, f"is {image.dtype}; pictures are uint8, 0 to 255")
    if image.dim() == 2:
        image = image[None].expand(3, -1, -1)
    if image.dim() == 3 and image.shape[0] != 3 and image.shape[2] == 3:
        image = image.permute(2, 0, 1)
    if image.dim() != 3 or image.shape[0] != 3 or 0 in image.shape:
        raise UnreadableImage(name, f"has shape {tuple(image.shape)}; a picture is (H, W, 3) or (3, H, W)")
    return image.contiguous()
