"""The last step of a training: evaluate the test set once, save the model with its scores, write the report."""

import json
import shlex
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

import torch

from alexnet.data.pipeline.augment import centre_crop
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.inference.classifier import Classifier
from alexnet.inference.model_card import ModelCard
from alexnet.models.image_model import ImageModel
from alexnet.models.kinds import kind_of
from alexnet.models.networks.model import NetworkModel
from alexnet.recipes.recipe import views_of
from alexnet.recipes.resolve import ResolvedRun
from alexnet.runs.context import RunContext
from alexnet.runs.environment import environment, memory_used, versions
from alexnet.runs.familiarity import measure_familiarity
from alexnet.runs.predictions import predictions_csv
from alexnet.runs.prepared import Prepared
from alexnet.runs.remarks import Measured, remarks_on
from alexnet.runs.report.page import collect_report, write_report
from alexnet.runs.report.part import FinishedRun, RunReport
from alexnet.runs.report.record_json import report_text
from alexnet.runs.result import FitResult, Result, read_result
from alexnet.runs.tried import Search, choice_of
from alexnet.runtime.device import Precision, autocast, choose_precision
from alexnet.storage.files import write_atomically

TIMED_IMAGES = 64  # images in the batch that measures the prediction time


def finish(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult) -> Result:
    """Test, save and report. Several workers share the test; the first one writes, and all return the same result."""
    evaluations = _evaluations(resolved, context, prepared, fitted)
    if context.world.first:
        _write(resolved, context, prepared, fitted, evaluations)
    context.world.wait()
    return read_result(context.folder.result)


def _write(
    resolved: ResolvedRun,
    context: RunContext,
    prepared: Prepared,
    fitted: FitResult,
    evaluations: dict[str, Evaluation],
) -> None:
    """Write the model, its predictions, the report, and finally the result, which marks the run as finished."""
    first = next(iter(evaluations.values()))
    scores = {title: {"top1_error": e.top1_error, "n": e.n, "interval": list(e.interval)} for title, e in evaluations.items()}
    classifier = classifier_of(resolved, context, prepared, fitted, scores)
    classifier.save(context.folder.model)
    result = _chosen(_result(resolved, context, prepared, fitted, first), context.search)
    if context.splits is None:  # the cells of comparisons and studies are measured, not used
        familiarity = fitted.familiarity or measure_familiarity(classifier, prepared.images, prepared.splits, seed=resolved.recipe.seed)
        if familiarity is not None:
            familiarity.save(context.folder.model)  # after the result, whose bytes are those that prediction needs
    write_atomically(context.folder.predictions, predictions_csv(context.dataset, first))
    report = _report(resolved, context, prepared, fitted, evaluations)
    write_atomically(context.folder.report_json, report_text(report))
    write_report(report, context.folder.report)
    write_atomically(context.folder.result, json.dumps(asdict(result), ensure_ascii=False))


def classifier_of(
    resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult, scores: Mapping[str, Any]
) -> Classifier:
    """The fitted model with everything that it needs to classify images; scores: measured on the run's test images."""
    model_card = ModelCard(
        model=resolved.recipe.model,
        classes=context.dataset.classes,
        channels=resolved.recipe.preprocess.channels,
        preprocess=prepared.preprocess,
        network=resolved.recipe.network,
        features=resolved.recipe.features if kind_of(resolved.recipe.model).fixed_features else None,
        machine=fitted.machine,
        flip=context.dataset.traits.flip,
        scores={"validation_error": fitted.validation_error, **scores},
        versions=versions(),
        temperature=fitted.model.temperature if isinstance(fitted.model, NetworkModel) else None,
        precision=choose_precision(precision_of(resolved), context.device),
    )
    return Classifier(fitted.model, model_card, device=str(context.device))


def _chosen(result: Result, search: Search | None) -> Result:
    """The result with what the search has tried, if there was one."""
    if search is None:
        return result
    tried = tuple({"model": one.model, "validation_error": one.error, "seconds": one.seconds} for one in search.tried)
    return replace(result, candidates=tried, choice=choice_of(search).striptags())


def _evaluations(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult) -> dict[str, Evaluation]:
    """The evaluation of each view of the test set or, without one, of the validation set, which also chose the model."""
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
    """A context in the precision in which the model was trained and validated."""
    return autocast(choose_precision(precision_of(resolved), context.device), context.device)


def precision_of(resolved: ResolvedRun) -> Precision:
    """The precision of the model; a hand-crafted system always uses fp32."""
    return "fp32" if kind_of(resolved.recipe.model).fixed_features else resolved.recipe.training.precision


def _result(resolved: ResolvedRun, context: RunContext, prepared: Prepared, fitted: FitResult, judged: Evaluation) -> Result:
    test = judged if prepared.splits.test else None
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
        peak_memory_bytes=memory_used(context.device),
        baseline=asdict(prepared.baseline) if prepared.baseline else None,
        remarks=_remarks(resolved, prepared, fitted, judged),
    )


def _remarks(resolved: ResolvedRun, prepared: Prepared, fitted: FitResult, judged: Evaluation) -> tuple[str, ...]:
    remarks = remarks_on(
        Measured(
            model=resolved.recipe.model,
            data=resolved.recipe.data,
            counts={row["class"]: row["n"] for row in judged.per_class},
            interval=judged.interval,
            validation_error=fitted.validation_error,
            baseline=asdict(prepared.baseline) if prepared.baseline else None,
        )
    )
    return tuple(remark.striptags() for remark in remarks)


def _milliseconds(resolved: ResolvedRun, context: RunContext, prepared: Prepared, model: ImageModel) -> float:
    """Milliseconds per decoded image, in a batch; the second of two passes is timed."""
    images = next(prepared.images.stream([prepared.splits.validation[:TIMED_IMAGES]])).to(context.device)
    images = centre_crop(images, model.image_size)
    seconds = 0.0
    with torch.inference_mode(), _as_trained(resolved, context):
        for _ in range(2):
            started = time.perf_counter()
            model(images).cpu()
            seconds = time.perf_counter() - started
    return 1000 * seconds / len(images)


def _report(
    resolved: ResolvedRun,
    context: RunContext,
    prepared: Prepared,
    fitted: FitResult,
    evaluations: dict[str, Evaluation],
) -> RunReport:
    folder, recipe, world = context.folder, resolved.recipe, context.world
    again = ["alexnet", "train", recipe.data, "--recipe", str(folder.recipe), "--out", f"{folder.path}-again"]
    workers = {"workers": f"{world.size}, layout {resolved.layout}"} if world.size > 1 else {}
    return collect_report(
        FinishedRun(
            recipe=recipe,
            reason=resolved.model_reason,
            dataset=context.dataset,
            store=prepared.images,
            splits=prepared.splits,
            fitted=fitted,
            evaluations=evaluations,
            baseline=prepared.baseline,
            search=context.search,
            command=shlex.join(again),
            environment=environment(context.device, precision_of(resolved), context.dataset) | workers,
        )
    )
