"""How a machine on hand-crafted features is fitted, as data. Knows no features."""

import math
from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from alexnet.errors import BadRecipe

KernelChoice = Literal["", "linear", "rbf", "chi2", "intersection"]
MapChoice = Literal["auto", "exact", "explicit"]

LINEAR_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # for features of mean squared norm 1
LONG_STRENGTHS = (0.1, 0.3, 1.0)  # of long features, where every further one costs
LONG_STRENGTHS_FEW = (0.3, 1.0, 3.0)  # the same for fewer than MANY pictures: the best C falls as the sum of losses grows
MANY = 20_000
SHORT_PASSES, LONG_PASSES = 60, 8  # further ones narrow the gap and leave the errors as they are
LONG_VISITS = 200_000  # of rows at least: small sets get more passes
LONG = 3_200  # numbers of a feature vector: up to here a factor of (D, D) for each C is cheap (raw pixels of 32 x 32 have 3,072)
KERNEL_STRENGTHS = (0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverConfig:
    """Every number of a convex fit; strengths are values of C, the weight of the pictures' losses against the margin's width."""

    kernel: KernelChoice = ""  # "": the system's own
    map: MapChoice = "auto"  # exact: the kernel matrix; explicit: a feature map and a linear machine; auto: exact up to exact_limit
    exact_limit: int = 10_000  # pictures to train on; the matrix grows with their square
    strengths: str = ""  # values of C that are tried, as "0.1,1,10"; "": the machine's own list
    gamma: float = 0.0  # of rbf and chi2; 0: from the spread of the features
    epochs: int = 0  # passes over the features that the linear machine makes at most; 0: 60 over short ones, 8 or more over long ones
    tolerance: float = 0.05  # relative duality gap at which a linear machine is done
    batch_size: int = 128  # pictures whose dual variables the linear machine solves together
    components: int = 2_000  # of the explicit map of rbf and intersection

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(SolverConfig).items():
            allowed = get_args(kind)
            if allowed and getattr(self, name) not in allowed:
                raise BadRecipe(f"solver.{name} is {getattr(self, name)!r}; it can be {', '.join(map(repr, allowed))}.")
        for name in ("exact_limit", "batch_size", "components"):
            _need(getattr(self, name) >= 1, name, getattr(self, name), "must be at least 1")
        _need(self.epochs >= 0, "epochs", self.epochs, "must be at least 1, or 0 for the machine's own")
        _need(self.gamma >= 0 and math.isfinite(self.gamma), "gamma", self.gamma, "must be above 0, or 0 for one from the features")
        _need(0 < self.tolerance < 1, "tolerance", self.tolerance, "is a share of the objective, between 0 and 1")
        _ = self.strength_values

    @property
    def strength_values(self) -> tuple[float, ...]:
        """The values of C, ascending and each once; empty for the machine's own list. Raises BadRecipe."""
        if not self.strengths.strip():
            return ()
        try:
            values = sorted({float(word) for word in self.strengths.split(",")})
        except ValueError:
            values = [math.nan]
        rule = 'must be numbers above 0 and up to 1e6, as "0.1,1,10"'
        _need(all(0 < value <= 1e6 for value in values), "strengths", f"'{self.strengths}'", rule)
        return tuple(values)


def _need(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise BadRecipe(f"solver.{name} is {value}; it {rule}.")
