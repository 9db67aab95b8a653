"""The layers of the model: outputs, parameters, multiply-accumulates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.i18n.units import finite
from alexnet.runs.report.part import FinishedRun, Part
from alexnet.runs.report.section import RunPage, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """layers: dicts with name, kind, output, parameters, macs."""

    layers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LayersView:
    """rows: outputs as "96 x 55 x 55". parameters, macs: of the whole model."""

    rows: Sequence[Mapping[str, Any]]
    parameters: float | None
    macs: float | None


def collect(finished: FinishedRun) -> Layers:
    """The fitted model's layers."""
    return Layers(layers=finished.fitted.layers)


def parameters_of(page: RunPage) -> float | None:
    """The parameters of all layers, including frozen ones; for a model without layers, its own count."""
    total = _total(page, "parameters")
    return page.about.parameters if total is None else total


def trainable_of(page: RunPage) -> float | None:
    """The parameters that were trained; reports of earlier versions count frozen ones as well."""
    return page.about.parameters if page.about.parameters is not None else parameters_of(page)


def macs_of(page: RunPage) -> float | None:
    """The model's multiply-accumulates per image, or the sum over all layers."""
    return page.about.macs if page.about.macs is not None else _total(page, "macs")


def _layers(page: RunPage) -> Sequence[Mapping[str, Any]]:
    part = page.part(Layers)
    return part.layers if part else ()


def _total(page: RunPage, key: str) -> float | None:
    known = [n for layer in _layers(page) if (n := finite(layer.get(key))) is not None]
    return sum(known) if known else None


def view(page: RunPage) -> LayersView | None:
    """The table, if any layers are known."""
    rows = [(layer, layer.get("output", "")) for layer in _layers(page)]
    shown = [{**layer, "output": " × ".join(map(str, out)) if isinstance(out, list | tuple) else out} for layer, out in rows]
    return LayersView(rows=shown, parameters=parameters_of(page), macs=macs_of(page)) if shown else None


SECTION = Section(name="layers", view=view, part=Part(kind=Layers, collect=collect))
