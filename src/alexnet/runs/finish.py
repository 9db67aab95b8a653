"""The end of a run: the test set opened once, the model saved with its scores, the report written."""

import json
import shlex
import time
from dataclasses import asdict

import torch

from alexnet.data.curation.splits import Splits
from alexnet.data.pipeline.augment import centre_crop
from alexnet.data.pipeline.image_store import ImageStore
from alexnet.data.preprocess import Preprocess
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.inference.classifier import Classifier
from alexnet.inference.model_card import ModelCard
from alexnet.models.base import ImageModel
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.recipes.recipe import views_of
from alexnet.runs.answers import answers_csv
from alexnet.runs.baseline import Baseline
from alexnet.runs.environment import environment, versions
from alexnet.runs.folder import RESULT_KEYS, Run
from alexnet.runs.report.page import collect_report, write_report
from alexnet.runs.report.part import FinishedRun, RunReport
from alexnet.runs.report.record_json import report_text
from alexnet.runs.result import FitResult, Result, result_from_json
from alexnet.runtime.device import autocast, choose_precision
from alexnet.runtime.machine import peak_memory
from alexnet.storage.files import read_object, write_atomically

TIMED_IMAGES = 64  # for the time that one image takes


def finish(run: Run, fitted: FitResult, preprocess: Preprocess, store: ImageStore, splits: Splits, baseline: Baseline | None) -> Result:
    """Test, save, report. Several workers share the test; the first one writes, and all get its result."""
    evaluations = _evaluations(run, fitted.model, store, splits)
    if run.world.first:
        _write(run, fitted, preprocess, store, splits, evaluations, baseline)
    run.world.wait()
    return result_from_json(read_object(run.folder.result, RESULT_KEYS))


def _write(
    run: Run,
    fitted: FitResult,
    preprocess: Preprocess,
    store: ImageStore,
    splits: Splits,
    evaluations: dict[str, Evaluation],
    baseline: Baseline | None,
) -> None:
    """The model, its answers, the report, and last of all the result."""
    first = next(iter(evaluations.values()))
    scores = {title: {"top1_error": e.top1_error, "n": e.n, "interval": list(e.interval)} for title, e in evaluations.items()}
    card = ModelCard(
        model=run.recipe.model,
        classes=run.dataset.classes,
        channels=run.recipe.preprocess.channels,
        preprocess=preprocess,
        network=run.recipe.network,
        features=run.recipe.features if run.recipe.model in SYSTEMS else None,
        machine=fitted.machine,
        flip=run.dataset.traits.flip,
        scores={"validation_error": fitted.validation_error, **scores},
        versions=versions(),
    )
    Classifier(fitted.model, card, device=str(run.device)).save(run.folder.model)
    result = _result(run, fitted, store, splits, first if splits.test else None, baseline)
    write_atomically(run.folder.answers, answers_csv(run, first))
    report = _report(run, fitted, store, splits, evaluations, baseline)
    write_atomically(run.folder.kept_report, report_text(report))
    write_report(report, run.folder.report)
    write_atomically(run.folder.result, json.dumps(asdict(result), ensure_ascii=False))


def _evaluations(run: Run, model: ImageModel, store: ImageStore, splits: Splits) -> dict[str, Evaluation]:
    """Every view of the test set, or, where there is none, of the validation set that also chose the model."""
    split, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    flip, classes = run.dataset.traits.flip, run.dataset.classes
    with autocast(choose_precision(run.recipe.training.precision, run.device), run.device):  # as it was trained and validated
        return {
            f"{split}, {view}": evaluate(model, run.dataset, store, indices, classes, view=view, flip=flip, world=run.world)
            for view in views_of(run.recipe.views)
        }


def _result(run: Run, fitted: FitResult, store: ImageStore, splits: Splits, test: Evaluation | None, baseline: Baseline | None) -> Result:
    return Result(
        run=str(run.folder.path),
        model=run.recipe.model,
        recipe=run.recipe.name,
        epochs=fitted.epochs,
        seconds=time.monotonic() - run.started,
        images_per_second=fitted.images_per_second,
        validation_error=fitted.validation_error,
        test_error=test.top1_error if test else None,
        skipped=len(store.skipped),
        report=str(run.folder.report),
        model_reason=run.reason,
        n_train=len(splits.train),
        n_test=len(splits.test),
        test_interval=test.interval if test else None,
        parameters=fitted.parameters,
        macs=fitted.macs,
        bytes=sum(file.stat().st_size for file in run.folder.model.iterdir()),
        predict_milliseconds=_milliseconds(run, fitted.model, store, splits),
        peak_memory_bytes=peak_memory(),
        baseline=asdict(baseline) if baseline else None,
    )


def _milliseconds(run: Run, model: ImageModel, store: ImageStore, splits: Splits) -> float:
    """Milliseconds that one decoded image takes, in a batch; the second of two passes counts."""
    images = next(store.stream([splits.validation[:TIMED_IMAGES]])).to(run.device)
    images = centre_crop(images, model.image_size)
    passed = 0.0
    with torch.inference_mode(), autocast(choose_precision(run.recipe.training.precision, run.device), run.device):
        for _ in range(2):
            started = time.perf_counter()
            model(images).cpu()
            passed = time.perf_counter() - started
    return 1000 * passed / len(images)


def _report(
    run: Run,
    fitted: FitResult,
    store: ImageStore,
    splits: Splits,
    evaluations: dict[str, Evaluation],
    baseline: Baseline | None,
) -> RunReport:
    again = ["alexnet", "train", run.recipe.data, "--recipe", str(run.folder.recipe), "--out", f"{run.folder.path}-again"]
    workers = {"workers": f"{run.world.size}, layout {run.layout}"} if run.world.size > 1 else {}
    return collect_report(
        FinishedRun(
            recipe=run.recipe,
            reason=run.reason,
            dataset=run.dataset,
            store=store,
            splits=splits,
            fitted=fitted,
            evaluations=evaluations,
            baseline=baseline,
            command=shlex.join(again),
            environment=environment(run.device) | workers,
        )
    )
