"""Hand-crafted systems: which parts of the image, and which features, spoke for the class.

The score of a linear machine is a sum over its features: the parts sum to the score. That of a machine with a kernel is none; there, it is
measured what the score loses without each part.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from alexnet.data.images.encode import png_bytes
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadModel
from alexnet.explanations.drawing import shown
from alexnet.explanations.part import Content
from alexnet.explanations.parts.images import example_images
from alexnet.explanations.places import Place, Places, grid_of, places_of
from alexnet.explanations.subject import NamedImage, Subject
from alexnet.models.handcrafted.kernel_maps import Chi2Map
from alexnet.models.handcrafted.model import HandcraftedModel
from alexnet.models.handcrafted.raw_pixels import Pixels
from alexnet.models.handcrafted.svm import LinearMachine
from alexnet.pages.overlay import overlay

STRONGEST = 8  # cells or words that are listed
AT_ONCE = 64  # copies of an image's features, each without one part


def make(subject: Subject) -> Content:
    """The parts of each image's score; raises BadModel for networks, and for a kernel on features that belong to no place."""
    model = subject.classifier.model
    if not isinstance(model, HandcraftedModel):
        raise BadModel(f"{subject.classifier.model_card.model} is a network, not a hand-crafted system.")
    found, files = [], {}
    for number, image in enumerate(subject.images or tuple(example_images(subject)), 1):
        row, drawn = _row(subject, model, image)
        files[f"cells-{number}.png"] = png_bytes(drawn)
        found.append(row)
    return Content(values={"images": found}, files=files)


def _row(subject: Subject, model: HandcraftedModel, image: NamedImage) -> tuple[dict[str, Any], Tensor]:
    """The values of one image, and its map over it, uint8 (3, S, S)."""
    seen = centre_crop(image.pixels, subject.size)
    parts = parts_of_score(model, seen)
    drawn = overlay(seen, parts.map())
    row = {
        "kind": parts.kind,
        "name": image.name,
        "class": subject.classes[parts.class_index],
        "truth": image.truth,
        "image": shown(seen),
        "map": shown(drawn),
        "score": parts.score,
        "bias": parts.bias,
        "sum": parts.sum,
        "parts": parts.strongest(),
    }
    return row, drawn


def parts_of_score(model: HandcraftedModel, seen: Tensor) -> "Decomposition | Losses":
    """The exact split of a linear machine's score; of another machine's, what it loses without each part."""
    machine = model.machine
    splits = isinstance(machine, LinearMachine) and isinstance(machine.feature_map, Chi2Map | None)
    return Decomposition(model, seen) if splits else Losses(model, seen)


class Decomposition:
    """The score of the most likely class of one image, uint8 (3, S, S), as a sum over its features and the bias.

    contributions: float64 (D,), one per feature: what its weight times its value (or its chi-squared map's three values) adds to the score.
    Raises BadModel for a machine with a kernel.
    """

    kind: Literal["sum", "losses"] = "sum"

    def __init__(self, model: HandcraftedModel, seen: Tensor) -> None:
        if not isinstance(model.machine, LinearMachine) or not isinstance(model.machine.feature_map, Chi2Map | None):
            raise BadModel("The score of a machine with a kernel is no sum over the parts of the image.")
        machine, self.model, self.size = model.machine, model, model.image_size
        with torch.inference_mode():
            features = model.hidden(seen[None].to(machine.weights.device))
            scores = model.scores_of(features)[0]
            mapped = features if machine.feature_map is None else machine.feature_map(features)
            self.class_index = int(scores.argmax())
            products = mapped[0].double() * machine.weights[:, self.class_index].double()
            self.places = places_of(model.features, seen)
        self.contributions = products.view(-1, features.shape[1]).sum(0).cpu()
        self.bias, self.score = float(machine.bias[self.class_index]), float(scores[self.class_index])

    @property
    def sum(self) -> float:
        """All parts and the bias, which is the score."""
        return float(self.contributions.sum()) + self.bias

    def map(self) -> Tensor:
        """What speaks for the class at each pixel: float32 (S, S). Its sum is that of the contributions.

        Where features belong to no place, as those of a pretrained network, the sum is spread over the whole image.
        """
        if self.places is not None:
            return self.places.spread(self.places.totals(self.contributions).tolist(), self.size)
        if isinstance(self.model.features, Pixels) and self.contributions.numel() % self.size**2 == 0:
            return self.contributions.view(-1, self.size, self.size).sum(0).float()
        return torch.full((self.size, self.size), float(self.contributions.sum()) / self.size**2)

    def strongest(self) -> list[dict[str, Any]]:
        """The parts of the image, by what they add: cells or words, or a grid of 4 x 4 for features without places."""
        if self.places is not None:
            return _strongest(self.places.places, self.places.totals(self.contributions).tolist())
        whole = self.map().flatten()
        grid = grid_of(4, 4, self.size)
        return _strongest(grid, [float(whole[place.pixels].sum()) for place in grid])


class Losses:
    """What the score of the most likely class of one image, uint8 (3, S, S), loses without each place: with its features set to 0.

    losses: float64 (places,). This is no split: what two places show together is lost with either of them, or with neither.
    Raises BadModel if the features belong to no place, as single pixels: there, the occlusion map is the same question.
    """

    kind: Literal["sum", "losses"] = "losses"
    bias: float | None = None

    def __init__(self, model: HandcraftedModel, seen: Tensor) -> None:
        self.size = model.image_size
        with torch.inference_mode():
            places = places_of(model.features, seen)
            if places is None:
                raise BadModel("The score of a machine with a kernel is no sum over pixels; the occlusion map shows its reasons.")
            self.places: Places = places
            features = model.hidden(seen[None].to(next(model.machine.buffers()).device))
            scores = model.scores_of(features)[0]
            self.class_index, self.score = int(scores.argmax()), float(scores.max())
            self.losses = self.score - self._rest(model, features)

    def _rest(self, model: HandcraftedModel, features: Tensor) -> Tensor:
        """The score that is left of features (1, D) without each place: float64 (places,)."""
        owner, rest = self.places.owner.to(features.device), torch.empty(len(self.places.places), dtype=torch.float64)
        for numbers in torch.arange(len(rest)).split(AT_ONCE):
            rows = features.masked_fill(owner == numbers[:, None].to(owner.device), 0)
            rest[numbers] = model.scores_of(rows)[:, self.class_index].double().cpu()
        return rest

    @property
    def sum(self) -> float:
        """The sum of all losses, which is not the score."""
        return float(self.losses.sum())

    def map(self) -> Tensor:
        """Each place's loss, spread evenly over its pixels: float32 (S, S)."""
        return self.places.spread(self.losses.tolist(), self.size)

    def strongest(self) -> list[dict[str, Any]]:
        """The places with the largest losses or gains."""
        return _strongest(self.places.places, self.losses.tolist())


def _strongest(places: Sequence[Place], values: Sequence[float]) -> list[dict[str, Any]]:
    """The places with the largest magnitudes; "word" and "points" are None for a cell."""
    order = sorted(zip(places, values, strict=True), key=lambda pair: -abs(pair[1]))[:STRONGEST]
    return [{"part": place.name, "word": place.word, "points": place.points, "adds": value} for place, value in order]
