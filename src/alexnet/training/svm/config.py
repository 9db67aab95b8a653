"""The settings for fitting a machine to hand-crafted features. Independent of the features."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from alexnet.errors import BadRecipe
from alexnet.storage.records import field_types, shown

KernelChoice = Literal["", "linear", "rbf", "chi2", "intersection"]
MapChoice = Literal["auto", "exact", "explicit"]
BalanceChoice = Literal["none", "loss", "validation"]
Method = Literal["descent", "dual", "primal"]
MethodChoice = Literal["auto", "descent", "dual", "primal"]

LINEAR_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # for features of mean squared norm 1
DESCENT_STRENGTHS = (0.3, 3.0)  # for long features fitted by descent, which stops before larger values make a difference
LONG_STRENGTHS = (0.1, 0.3, 1.0)  # for long features in the dual, where each further value is expensive
LONG_STRENGTHS_FEW = (0.3, 1.0, 3.0)  # the same for fewer than MANY images: the best C falls as the sum of losses grows
MANY = 20_000
SHORT_PASSES, LONG_PASSES = 60, 8  # further passes narrow the gap without changing the errors
LONG_VISITS = 200_000  # of rows at least: small sets get more passes
DESCENT_PASSES, DESCENT_VISITS = 6, 60_000  # the same for descent, which stops early
LONG = 3_200  # feature dimensions: up to here a factor of (D, D) for each C is cheap (raw pixels of 32 x 32 have 3,072)
KERNEL_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
MOST_STRENGTHS = 100  # each is another fit
MOST = {"exact_limit": 10_000_000, "batch_size": 1 << 20, "components": 100_000, "epochs": 1_000_000, "gamma": 1e6}  # the largest values


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverConfig:
    """Every setting of a convex fit; strengths are values of C, the weight of the images' losses against the width of the margin."""

    kernel: KernelChoice = ""  # "": the default of the system
    map: MapChoice = "auto"  # exact: the kernel matrix; explicit: a feature map and a linear machine; auto: exact up to exact_limit
    exact_limit: int = 10_000  # training images; the kernel matrix grows with their square
    method: MethodChoice = "auto"  # of the linear machine; auto: primal for short features, descent for long ones
    refit: bool = True  # once C is chosen, fit again on training and validation images together; reported errors are the first fit's
    balance: BalanceChoice = "none"  # loss: all classes weigh the same, whatever their size; validation: tries both, and chooses
    strengths: str = ""  # values of C to try, as "0.1,1,10"; "": the machine's default list
    gamma: float = 0.0  # of rbf and chi2; 0: from the spread of the features, and also half and twice that if the machine is exact
    epochs: int = 0  # passes over the features, for primal and dual at most; 0: 60 (primal), 8 or more (dual), 6 or more (descent)
    tolerance: float = 0.05  # relative duality gap at which primal and dual stop
    batch_size: int = 128  # images in a step of descent, or whose dual variables are solved together
    components: int = 2_000  # of the explicit map of rbf and intersection

    def __post_init__(self) -> None:
        for name, kind in field_types(SolverConfig).items():
            allowed = get_args(kind)
            if allowed and getattr(self, name) not in allowed:
                raise BadRecipe(f"solver.{name} is {shown(getattr(self, name))}; it can be {', '.join(map(repr, allowed))}.")
        for name in ("exact_limit", "batch_size", "components"):
            _need(getattr(self, name) >= 1, name, getattr(self, name), "must be at least 1")
        _need(self.epochs >= 0, "epochs", self.epochs, "must be at least 1, or 0 for the method's default")
        _need(self.gamma >= 0 and math.isfinite(self.gamma), "gamma", self.gamma, "must be above 0, or 0 to derive it from the features")
        _need(1e-9 <= self.tolerance < 1, "tolerance", self.tolerance, "is a share of the objective, from 1e-9 to below 1")
        for name, most in MOST.items():
            _need(getattr(self, name) <= most, name, getattr(self, name), f"is at most {most:,.0f}")
        _ = self.strength_values

    def method_for(self, inputs: int) -> Method:
        """How a linear machine is fitted to features of this length."""
        if self.method == "auto":
            return "primal" if inputs <= LONG else "descent"
        return self.method

    def passes_for(self, method: Method, n: int) -> int:
        """The passes over n rows: `epochs` if set, else the method's default, which is larger for few rows."""
        usual = {"primal": (SHORT_PASSES, 0), "dual": (LONG_PASSES, LONG_VISITS), "descent": (DESCENT_PASSES, DESCENT_VISITS)}
        least, visits = usual[method]
        return self.epochs or max(least, -(-visits // n))

    @property
    def strength_values(self) -> tuple[float, ...]:
        """The values of C, ascending and without duplicates; empty for the machine's default list. Raises BadRecipe for bad values."""
        if not self.strengths.strip():
            return ()
        try:
            values = sorted({float(word) for word in self.strengths.split(",")})
        except ValueError:
            values = [math.nan]
        rule = f'must be numbers above 0 (1e-6 to 1e6, at most {MOST_STRENGTHS}), as "0.1,1,10"'
        holds = len(values) <= MOST_STRENGTHS and all(1e-6 <= value <= 1e6 for value in values)
        _need(holds, "strengths", shown(self.strengths), rule)
        return tuple(values)


def _need(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise BadRecipe(f"solver.{name} is {value}; it {rule}.")
