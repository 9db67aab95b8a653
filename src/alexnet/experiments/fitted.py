"""A model just fitted, of whatever kind, and what its fitting said: what the end of a run needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from alexnet.experiments.recipe import Recipe, views_of
from alexnet.models.seam import ImageModel

REPORT_SECONDS = 3.0  # the report and the last files, kept free in a budget


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The model with the weights or the strength that validation chose.

    seconds: of fitting alone. images_per_second: training pictures through steps, or through extraction. history: one row an epoch, empty
    where there are none. machine: the spec of what stands on frozen or hand-crafted features. solver: what the convex problem said.
    """

    model: ImageModel
    validation_error: float
    epochs: float
    seconds: float
    images_per_second: float
    parameters: int
    macs: int
    history: tuple[Mapping[str, float], ...] = ()
    layers: tuple[dict[str, Any], ...] = ()
    filters: Tensor | None = None
    machine: Mapping[str, Any] | None = None
    solver: Mapping[str, Any] = field(default_factory=dict)


def views_looked_at(recipe: Recipe) -> int:
    """How many crops of each test picture the recipe's views look at."""
    return sum(10 if view == "ten" else 1 for view in views_of(recipe.views))
