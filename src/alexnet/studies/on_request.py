"""What a run measures only where a claim asks for it, since it takes time: gradients during training, times, probes."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from alexnet.models.kinds import NETWORK, kind_of
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.prepared import Prepared
from alexnet.runs.result import FitResult
from alexnet.runtime.device import autocast, choose_precision
from alexnet.storage.files import write_atomically
from alexnet.storage.records import convert, read_json
from alexnet.studies.claim import Measure
from alexnet.studies.layer_signals import batch_of, signals_on
from alexnet.studies.probes import probe_layers
from alexnet.studies.step_times import step_times

FIRST_EPOCH = "first-epoch.json"  # in the run's folder: a resumed run has the gradients after the first epoch too


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRequest:
    """What is asked of one run of a network, and where it happens; nothing of a hand-crafted system."""

    measures: frozenset[Measure]
    resolved: ResolvedRun
    context: RunContext
    prepared: Prepared

    @property
    def _wanted(self) -> frozenset[Measure]:
        return self.measures if kind_of(self.resolved.recipe.model) is NETWORK else frozenset()

    @property
    def _first_epoch(self) -> Path:
        return self.context.folder.path / FIRST_EPOCH

    def watching(self) -> RunContext:
        """The context of a training that is looked at after its first epoch."""
        if "gradients-epoch" not in self._wanted:
            return self.context
        batch = self._batch()

        def look(model: NetworkModel) -> None:
            if not self._first_epoch.exists():
                write_atomically(self._first_epoch, json.dumps(dict(signals_on(model, *batch).gradients)))

        return replace(self.context, after_epoch=look)

    def before(self) -> dict[str, Any]:
        """Fields of the outcome that are measured before training."""
        return {"step_times": step_times(self.resolved, self.context, self.prepared)} if "seconds" in self._wanted else {}

    def after(self, fitted: FitResult) -> dict[str, Any]:
        """Fields of the outcome that are measured after training; `measured` says what was asked for."""
        model, fields = fitted.model, dict[str, Any](measured=sorted(self.measures))
        if not isinstance(model, NetworkModel):
            return fields
        if "gradients-epoch" in self._wanted:
            fields["gradients_epoch"] = self._gradients_after_one_epoch()
        if "gradients-end" in self._wanted:
            fields["gradients_end"] = signals_on(model, *self._batch()).gradients
        if "probes" in self._wanted:
            with autocast(choose_precision(self.resolved.recipe.training.precision, self.context.device), self.context.device):
                probed = probe_layers(
                    model, self.prepared.images, self.prepared.splits, seed=self.resolved.recipe.seed, device=self.context.device
                )
            fields |= {"probes": probed.errors, "probed": probed.wrong}
        return fields

    def _batch(self) -> tuple[Tensor, Tensor]:
        """The images over which gradients are taken, and their labels."""
        size = self.resolved.recipe.preprocess.image_size
        return batch_of(size, self.context.device, self.prepared.images, self.prepared.splits)

    def _gradients_after_one_epoch(self) -> Mapping[str, float]:
        """Empty for a training that was resumed after its first epoch, before which nobody asked."""
        with suppress(OSError, ValueError):
            return convert(dict[str, float], read_json(self._first_epoch), FIRST_EPOCH)
        return {}
