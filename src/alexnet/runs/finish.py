"""The last call of a training: the test set opened once, the model saved with its scores, the report written."""

import json
import shlex
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

import torch

from alexnet.data.dataset import Dataset
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.evaluation.evaluate import Evaluation, evaluate, worst_mistakes
from alexnet.i18n.phrases import beside
from alexnet.inference.classifier import Classifier
from alexnet.inference.model_card import ModelCard
from alexnet.models.base import ImageModel
from alexnet.models.kinds import HANDCRAFTED, kind_of
from alexnet.recipes.recipe import views_of
from alexnet.recipes.resolve import ResolvedRun
from alexnet.recipes.toml import fields_of
from alexnet.runs.baseline import Baseline
from alexnet.runs.context import RunContext
from alexnet.runs.environment import environment, versions
from alexnet.runs.predictions import predictions_csv
from alexnet.runs.prepared import Prepared
from alexnet.runs.report.page import write_report
from alexnet.runs.report.published import published_numbers
from alexnet.runs.report.record import Mistake, RunReport
from alexnet.runs.report.record_json import report_text
from alexnet.runs.result import FitResult, Result, read_result
from alexnet.runtime.device import autocast, choose_precision
from alexnet.runtime.machine import peak_memory
from alexnet.storage.files import write_atomically

WORST = 24  # mistakes that the report shows
TIMED_IMAGES = 64  # for the time that one image takes


def finish(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult) -> Result:
    """Test, save, report. Several workers share the test; the first one writes, and all get its result."""
    evaluations = _evaluations(resolved, context, prepared, fitted)
    if context.world.first:
        _write(resolved, context, prepared, fitted, evaluations)
    context.world.wait()
    return read_result(context.folder.result)


def _write(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult, evaluations: dict[str, Evaluation]) -> None:
    """The model, its predictions, the report, and last of all the result."""
    first = next(iter(evaluations.values()))
    scores = {title: {"top1_error": e.top1_error, "n": e.n, "interval": list(e.interval)} for title, e in evaluations.items()}
    card = ModelCard(
        model=resolved.recipe.model,
        classes=context.dataset.classes,
        channels=resolved.recipe.preprocess.channels,
        preprocess=prepared.preprocess,
        network=resolved.recipe.network,
        features=resolved.recipe.features if kind_of(resolved.recipe.model) is HANDCRAFTED else None,
        machine=fitted.machine,
        flip=context.dataset.traits.flip,
        scores={"validation_error": fitted.validation_error, **scores},
        versions=versions(),
        precision=choose_precision(resolved.recipe.training.precision, context.device),
    )
    Classifier(fitted.model, card, device=str(context.device)).save(context.folder.model)
    result = _result(resolved, context, prepared, fitted, first if prepared.splits.test else None)
    write_atomically(context.folder.predictions, predictions_csv(context.dataset, first))
    report = _report(resolved, context, prepared, fitted, evaluations)
    write_atomically(context.folder.kept_report, report_text(report))
    write_report(report, context.folder.report)
    write_atomically(context.folder.result, json.dumps(asdict(result), ensure_ascii=False))


def _evaluations(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult) -> dict[str, Evaluation]:
    """Every view of the test set, or, where there is none, of the validation set that also chose the model."""
    splits, dataset = prepared.splits, context.dataset
    split, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    with _as_trained(resolved, context):
        return {
            f"{split}, {view}": evaluate(
                fitted.model,
                dataset,
                prepared.images,
                indices,
                dataset.classes,
                view=view,
                flip=dataset.traits.flip,
                world=context.world,
            )
            for view in views_of(resolved.recipe.views)
        }


def _as_trained(resolved: ResolvedRun, context: RunContext) -> AbstractContextManager[object]:
    """The precision in which the model was trained and validated."""
    return autocast(choose_precision(resolved.recipe.training.precision, context.device), context.device)


def _result(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult, test: Evaluation | None) -> Result:
    return Result(
        run=str(context.folder.path),
        model=resolved.recipe.model,
        recipe=resolved.recipe.name,
        epochs=fitted.epochs,
        seconds=time.monotonic() - context.started,
        images_per_second=fitted.images_per_second,
        validation_error=fitted.validation_error,
        test_error=test.top1_error if test else None,
        skipped=len(prepared.images.skipped),
        report=str(context.folder.report),
        model_reason=resolved.model_reason,
        n_train=len(prepared.splits.train),
        n_test=len(prepared.splits.test),
        test_interval=test.interval if test else None,
        parameters=fitted.parameters,
        macs=fitted.macs,
        bytes=sum(file.stat().st_size for file in context.folder.model.iterdir()),
        predict_milliseconds=_milliseconds(resolved, context, prepared, fitted.model),
        peak_memory_bytes=peak_memory(),
        baseline=asdict(prepared.baseline) if prepared.baseline else None,
    )


def _milliseconds(resolved: ResolvedRun, context: RunContext, prepared: Prepared, model: ImageModel) -> float:
    """Milliseconds that one decoded image takes, in a batch; the second of two passes counts."""
    images = next(prepared.images.stream([prepared.splits.validation[:TIMED_IMAGES]])).to(context.device)
    images = centre_crop(images, model.image_size)
    passed = 0.0
    with torch.inference_mode(), _as_trained(resolved, context):
        for _ in range(2):
            started = time.perf_counter()
            model(images).cpu()
            passed = time.perf_counter() - started
    return 1000 * passed / len(images)


def _report(
    resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult, evaluations: dict[str, Evaluation]
) -> RunReport:
    first = next(iter(evaluations.values()))
    return RunReport(
        title=f"{resolved.recipe.model} on {context.dataset.name}",
        model=resolved.recipe.model,
        model_reason=f"This model because {resolved.model_reason}.",
        recipe=fields_of(resolved.recipe),
        recipe_name=resolved.recipe.name,
        command=shlex.join(
            ["alexnet", "train", resolved.recipe.data, "--recipe", str(context.folder.recipe), "--out", f"{context.folder.path}-again"]
        ),
        dataset=context.dataset.name,
        counts={"training": len(prepared.splits.train), "validation": len(prepared.splits.validation), "test": len(prepared.splits.test)},
        classes=context.dataset.classes,
        history=fitted.history,
        evaluations={title: evaluation.to_json() for title, evaluation in evaluations.items()},
        reliability=first.reliability,
        mistakes=_mistakes(context.dataset, prepared.images, first),
        filters=fitted.filters,
        skipped=[asdict(skip) for skip in prepared.images.skipped],
        environment=environment(context.device)
        | ({"workers": f"{context.world.size}, layout {resolved.layout}"} if context.world.size > 1 else {}),
        layers=fitted.layers,
        baseline=_beside(prepared.baseline, first.top1_error) if prepared.baseline else None,
        solver=fitted.solver or None,
        published=published_numbers(context.dataset.name),
        seconds=fitted.seconds,
        parameters=fitted.parameters,
        macs=fitted.macs,
    )


def _beside(baseline: Baseline, error: float) -> dict[str, Any]:
    return {"in a sentence": beside(asdict(baseline), error), **asdict(baseline)}


def _mistakes(dataset: Dataset, store: ImageStore, evaluation: Evaluation) -> Sequence[Mistake]:
    worst = worst_mistakes(evaluation, WORST)
    shown = store.stream([[mistake.index] for mistake in worst])
    names = [dataset.items[mistake.index].name for mistake in worst]
    return [
        Mistake(image=image[0], name=name, true=mistake.true, predicted=mistake.predicted, probability=mistake.probability)
        for image, name, mistake in zip(shown, names, worst, strict=True)
    ]
