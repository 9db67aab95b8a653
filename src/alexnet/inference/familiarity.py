"""How far an image is from the training images in a model's last hidden layer, and when that is too far.

The distance is that to the fifth nearest of up to 2,000 training images, between hidden layers of unit length (Sun et al. 2022,
Out-of-Distribution Detection with Deep Nearest Neighbors). Training images are stored by their 64 principal components, and what an image
has outside of these counts in full: unlike images often differ exactly there. The threshold is a conformal one: of images like the
validation images, 5% are said to be unlike.
Independent of the kind of model.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alexnet.errors import BadRun
from alexnet.storage.tensors import read_tensors, write_tensors

FILE = "familiarity.safetensors"
FALSE_ALARMS = 0.05  # of images like the validation images
FEWEST = math.ceil(1 / FALSE_ALARMS) - 1  # validation images: with fewer, no threshold has so few false alarms
COMPONENTS = 64
NEIGHBOUR = 5  # the distance is that to the fifth nearest: one odd training image does not make others familiar
BASIS_IMAGES = 1_000  # whose hidden layers determine the components
SMALLEST_SHARE = 1e-10  # of the largest variance; a direction with less is empty
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Familiarity:
    """centre (D,) and basis (D, K) of hidden layers of unit length, references (n, K): training images in that basis; threshold: ()."""

    centre: Tensor
    basis: Tensor
    references: Tensor
    threshold: Tensor

    def distances(self, hidden: Tensor) -> Tensor:
        """Distance of each hidden layer (N, D) to the training images: float32 (N,), from 0 to 2."""
        inside, outside = _projected(unit(hidden), self.centre, self.basis)
        place = min(NEIGHBOUR, len(self.references))
        nearest = torch.cdist(inside, self.references).kthvalue(place, dim=1).values
        return (nearest.square() + outside).sqrt()

    def unlike(self, hidden: Tensor) -> list[bool]:
        """Whether each image is further from the training images than all but 5% of the validation images are."""
        far: list[bool] = (self.distances(hidden) > self.threshold).tolist()
        return far

    def save(self, folder: Path) -> None:
        """Write the file into a model's folder, in half precision but for the threshold."""
        halved = {name: getattr(self, name).half() for name in ("centre", "basis", "references")}
        write_tensors(folder / FILE, {**halved, "threshold": self.threshold}, {"format": str(FORMAT)})


def read_familiarity(folder: Path) -> Familiarity | None:
    """What `save` wrote; None in the folder of a model that has none. Raises BadRun if the file is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    tensors, _ = read_tensors(path)
    problem = _problem(tensors)
    if problem:
        raise BadRun(f"{path} is damaged ({problem}). Delete it to continue without it, or copy the run again.")
    return Familiarity(**{name: tensors[name].float() for name in ("centre", "basis", "references", "threshold")})


def _problem(tensors: Mapping[str, Tensor]) -> str | None:
    """What is wrong with the tensors of a file, if anything."""
    ranks = {"centre": 1, "basis": 2, "references": 2, "threshold": 0}
    for name, rank in ranks.items():
        if name not in tensors:
            return f"it lacks {name}"
        if tensors[name].dim() != rank or not tensors[name].is_floating_point() or not bool(tensors[name].isfinite().all()):
            return f"{name} is not {rank}-dimensional, or holds a number that is not finite"
    fits = tensors["basis"].shape == (len(tensors["centre"]), tensors["references"].shape[1]) and len(tensors["references"]) > 0
    return None if fits else "its tensors do not fit together"


def fit_familiarity(training: Iterable[Tensor], validation: Iterable[Tensor]) -> Familiarity | None:
    """The distance to some training images and its threshold, from hidden layers in batches (n, D).

    None if there are fewer than FEWEST validation images, or a hidden layer is not finite. The threshold is the smallest value that a new
    image, exchangeable with the validation images, exceeds with a probability of at most 5% (split conformal prediction).
    """
    batches = iter(training)
    first = unit(torch.cat(list(_images(batches, BASIS_IMAGES))))
    centre, basis = _principal(first)
    inside = [_projected(first, centre, basis)[0], *(_projected(unit(batch), centre, basis)[0] for batch in batches)]
    uncalibrated = Familiarity(centre, basis, torch.cat(inside).half().float(), torch.tensor(math.inf))
    distances = torch.cat([uncalibrated.distances(batch) for batch in validation])
    place = math.ceil((len(distances) + 1) * (1 - FALSE_ALARMS))
    if place > len(distances) or not bool(distances.isfinite().all()):
        return None
    return Familiarity(centre, basis, uncalibrated.references, distances.kthvalue(place).values)


def unit(hidden: Tensor) -> Tensor:
    """Rows of unit length, float32; a row of zeros stays."""
    return torch.nn.functional.normalize(hidden.float().cpu().flatten(1), dim=1)


def _images(batches: Iterable[Tensor], count: int) -> Iterable[Tensor]:
    """Batches until they hold `count` images or more."""
    held = 0
    for batch in batches:
        yield batch
        held += len(batch)
        if held >= count:
            return


def _principal(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and principal directions (D, K) of rows (n, D), by the eigenvectors of their products: n is far below D."""
    centre = rows.mean(0)
    centred = rows - centre
    products = (centred @ centred.T).double()
    variances, vectors = torch.linalg.eigh(products)
    chosen = torch.nonzero(variances > SMALLEST_SHARE * variances[-1].clamp(min=1e-30)).flatten()[-COMPONENTS:]
    basis = centred.T @ (vectors[:, chosen] / variances[chosen].sqrt()).float()
    return centre.half().float(), basis.half().float()  # as they are saved, so that a loaded model answers the same


def _projected(rows: Tensor, centre: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates (N, K) in the basis, and the squared length of the rest (N,)."""
    centred = rows - centre
    inside = centred @ basis
    return inside, (centred.square().sum(1) - inside.square().sum(1)).clamp(min=0)
