"""Fitting a model of any kind to prepared images: one function per kind, all with the same protocol."""

from collections.abc import Mapping
from typing import Protocol

from alexnet.models.kinds import KindName, kind_of
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.fit_handcrafted import fit_handcrafted
from alexnet.runs.fit_network import fit_network
from alexnet.runs.linear_probe import fit_frozen
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult


class Fit(Protocol):
    """Fits the resolved model to the prepared images; an interrupted fit resumes from the run folder."""

    def __call__(self, resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
        """The model with the weights, or the value of C, that validation chose; raises Interrupted when stopped."""
        ...


FITS: Mapping[KindName, Fit] = {
    "network": fit_network,
    "hand-crafted": fit_handcrafted,
    "pretrained": fit_handcrafted,
    "frozen": fit_frozen,
}


def fit(resolved: ResolvedRun, context: RunContext, prepared: Prepared) -> FitResult:
    """Fit the resolved model with the function for its kind."""
    return FITS[kind_of(resolved.recipe.model).name](resolved, context, prepared)
