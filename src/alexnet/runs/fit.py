"""How a model of each kind is fitted to prepared images; kinds are objects that obey one protocol."""

from collections.abc import Mapping
from typing import Protocol

from alexnet.models.kinds import KindName, kind_of
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.fit_handcrafted import fit_handcrafted
from alexnet.runs.fit_network import fit_network
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult


class Fit(Protocol):
    """Fits the resolved model to the prepared images; an interrupted fit resumes from the run folder."""

    def __call__(self, resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
        """The model with the weights, or the strength, that validation chose; raises Interrupted when asked to stop."""
        ...


FITS: Mapping[KindName, Fit] = {"network": fit_network, "hand-crafted": fit_handcrafted}


def fit(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
    """The resolved model, fitted."""
    return FITS[kind_of(resolved.recipe.model).name](resolved, context, prepared)
