"""Hand-crafted systems: which parts of the image, and which features, spoke for the class. The parts sum to the score."""

from typing import Any

import torch
from torch import Tensor

from alexnet.data.images.encode import png_bytes
from alexnet.data.pipeline.augment import centre_crop
from alexnet.errors import BadModel
from alexnet.explanations.drawing import shown
from alexnet.explanations.part import Content
from alexnet.explanations.parts.images import example_images
from alexnet.explanations.subject import Subject
from alexnet.models.handcrafted.bag_of_words import DenseWords
from alexnet.models.handcrafted.features import DenseFeatures
from alexnet.models.handcrafted.fisher import FisherVector
from alexnet.models.handcrafted.hog import HOG
from alexnet.models.handcrafted.kernel_maps import Chi2Map
from alexnet.models.handcrafted.model import HandcraftedModel
from alexnet.models.handcrafted.raw_pixels import Pixels
from alexnet.models.handcrafted.svm import LinearMachine
from alexnet.pages.overlay import overlay

STRONGEST = 8  # words or Gaussians that are listed


def make(subject: Subject) -> Content:
    """The decomposition of each image's score; raises BadModel for networks and for machines with a kernel."""
    model = subject.classifier.model
    if not isinstance(model, HandcraftedModel):
        raise BadModel(f"{subject.classifier.model_card.model} is a network, not a hand-crafted system.")
    found, files = [], {}
    for number, image in enumerate(subject.images or tuple(example_images(subject)), 1):
        seen = centre_crop(image.pixels, subject.size)
        split = Decomposition(model, seen)
        drawn = overlay(seen, split.map())
        files[f"cells-{number}.png"] = png_bytes(drawn)
        row: dict[str, Any] = {
            "name": image.name,
            "class": subject.classes[split.class_index],
            "truth": image.truth,
            "image": shown(seen),
            "map": shown(drawn),
            "score": split.score,
            "bias": split.bias,
            "sum": float(split.contributions.sum()) + split.bias,
            "parts": split.strongest(),
        }
        found.append(row)
    return Content(values={"images": found}, files=files)


class Decomposition:
    """The score of the most likely class of one image, uint8 (3, S, S), as a sum over its features and the bias.

    contributions: float64 (D,), one per feature: what its weight times its value (or its chi-squared map's three values) adds to the score.
    """

    def __init__(self, model: HandcraftedModel, seen: Tensor) -> None:
        if not isinstance(model.machine, LinearMachine) or not isinstance(model.machine.feature_map, Chi2Map | None):
            raise BadModel(
                "The score of a machine with a kernel is no sum over the parts of the image; the occlusion map shows its reasons."
            )
        machine, self.model, self.size = model.machine, model, model.image_size
        with torch.inference_mode():
            features = model.hidden(seen[None].to(machine.weights.device))
            scores = model.scores_of(features)[0]
            mapped = features if machine.feature_map is None else machine.feature_map(features)
            self.class_index = int(scores.argmax())
            products = mapped[0].double() * machine.weights[:, self.class_index].double()
        self.contributions = products.view(-1, features.shape[1]).sum(0).cpu()
        self.bias, self.score = float(machine.bias[self.class_index]), float(scores[self.class_index])

    def map(self) -> Tensor:
        """What speaks for the class at each pixel: float32 (S, S). Its sum is that of the contributions, except beyond the last HOG cell.

        Where features belong to no place, as those of a pretrained network, the sum is spread over the whole image.
        """
        features = self.model.features
        if isinstance(features, Pixels) and self.contributions.numel() % self.size**2 == 0:
            return self.contributions.view(-1, self.size, self.size).sum(0).float()
        if isinstance(features, HOG):
            return self._cells_of_blocks(features).float()
        if isinstance(features, DenseFeatures):
            return torch.stack([part for _, part in self._pyramid(features)]).sum(0)
        return torch.full((self.size, self.size), float(self.contributions.sum()) / self.size**2)

    def _cells_of_blocks(self, hog: HOG) -> Tensor:
        """Each block's numbers belong to its cells; a cell is in up to four blocks."""
        parts = self.contributions.view(hog.blocks, hog.blocks, hog.block, hog.block, hog.orientations).sum(-1)
        cells = torch.zeros(hog.cells, hog.cells, dtype=torch.float64)
        for row in range(hog.block):
            for column in range(hog.block):
                cells[row : row + hog.blocks, column : column + hog.blocks] += parts[:, :, row, column]
        pixels = cells.repeat_interleave(hog.cell, 0).repeat_interleave(hog.cell, 1) / hog.cell**2
        framed = torch.zeros(self.size, self.size, dtype=torch.float64)
        framed[: len(pixels), : len(pixels)] = pixels
        return framed

    def _pyramid(self, features: DenseFeatures) -> list[tuple[str, Tensor]]:
        """(name, map) of each kind of descriptor and each cell of its pyramid, a cell's sum spread evenly over its pixels."""
        found: list[tuple[str, Tensor]] = []
        first = 0
        for kind, encoder in zip(("SIFT", "colour"), features.encoders, strict=False):
            assert isinstance(encoder, FisherVector | DenseWords)
            cells = [(columns, rows, cell) for columns, rows in encoder.cells.pyramid for cell in range(columns * rows)]
            length = encoder.dimensions // len(cells)
            for columns, rows, cell in cells:
                share = float(self.contributions[first : first + length].sum())
                found.append((f"{kind} {columns}x{rows} {cell + 1}", _spread(share, columns, rows, cell, self.size)))
                first += length
        return found

    def strongest(self) -> list[dict[str, Any]]:
        """The parts of the image, by what they add: cells of a pyramid or of HOG, or rows of a grid of 4 x 4 for pixels."""
        features = self.model.features
        if isinstance(features, DenseFeatures):
            parts = [(name, float(part.sum())) for name, part in self._pyramid(features)]
        else:
            edges = [round(place * self.size / 4) for place in range(5)]
            whole = self.map()
            parts = [
                (f"{row + 1}/{column + 1}", float(whole[edges[row] : edges[row + 1], edges[column] : edges[column + 1]].sum()))
                for row in range(4)
                for column in range(4)
            ]
        chosen = sorted(parts, key=lambda part: -abs(part[1]))[:STRONGEST]
        return [{"part": name, "adds": value} for name, value in chosen]


def _spread(share: float, columns: int, rows: int, cell: int, size: int) -> Tensor:
    row, column = divmod(cell, columns)
    top, bottom = round(row * size / rows), round((row + 1) * size / rows)
    left, right = round(column * size / columns), round((column + 1) * size / columns)
    found = torch.zeros(size, size)
    found[top:bottom, left:right] = share / max(1, (bottom - top) * (right - left))
    return found
