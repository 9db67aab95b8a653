"""The end of a run: the test set opened once, the model saved with its scores, the report written."""

import csv
import io
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from alexnet.classifier import Classifier, ModelCard
from alexnet.data.augment import centre_crop
from alexnet.data.pictures import Pictures
from alexnet.data.preprocess import Preprocess
from alexnet.data.splits import Splits
from alexnet.device import autocast, choose_precision, peak_memory
from alexnet.evaluation.evaluate import Evaluation, evaluate, worst_mistakes
from alexnet.experiments.baseline import Baseline
from alexnet.experiments.fitted import Fitted
from alexnet.experiments.published import published_numbers
from alexnet.experiments.recipe import fields_of, views_of
from alexnet.experiments.record import Mistake, RunReport
from alexnet.experiments.report import write_report
from alexnet.experiments.report_json import report_text
from alexnet.experiments.report_words import beside
from alexnet.experiments.runs import RESULT_KEYS, Run, read_object, write_whole
from alexnet.experiments.versions import environment, versions
from alexnet.models.handcrafted.system import SYSTEMS
from alexnet.models.seam import ImageModel

WORST = 24  # mistakes that the report shows
TIMED_PICTURES = 64  # for the time that one picture takes


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a finished run says; the keys are the command line's."""

    run: str
    model: str
    recipe: str
    epochs: float
    seconds: float
    images_per_second: float
    validation_error: float
    test_error: float | None  # None without a test set
    skipped: int
    report: str
    model_reason: str
    n_train: int = 0
    n_test: int = 0
    test_interval: tuple[float, float] | None = None  # 95%
    parameters: int = 0
    macs: int = 0  # multiply-accumulates per picture
    bytes: int = 0  # of the model's files
    predict_milliseconds: float = 0.0  # a decoded picture, in batches
    peak_memory_bytes: int | None = None  # of the whole run; None where the system does not say
    baseline: dict[str, Any] | None = None  # the hand-crafted system beside a network


def kept_result(values: Mapping[str, Any]) -> Result:
    """The result that a finished run's file holds, as it was when it was written."""
    interval = values.get("test_interval")
    return Result(**{**values, "test_interval": tuple(interval) if interval else None})


def conclude(run: Run, fitted: Fitted, preprocess: Preprocess, pictures: Pictures, splits: Splits, baseline: Baseline | None) -> Result:
    """Test, save, report. Several workers share the test; the first one writes, and all get its result."""
    evaluations = _evaluations(run, fitted.model, pictures, splits)
    if run.world.first:
        _write(run, fitted, preprocess, pictures, splits, evaluations, baseline)
    run.world.wait()
    return kept_result(read_object(run.folder.result, RESULT_KEYS))


def _write(
    run: Run,
    fitted: Fitted,
    preprocess: Preprocess,
    pictures: Pictures,
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
    result = _result(run, fitted, pictures, splits, first if splits.test else None, baseline)
    write_whole(run.folder.answers, _answers(run, first))
    report = _report(run, fitted, pictures, splits, evaluations, baseline)
    write_whole(run.folder.kept_report, report_text(report))
    write_report(report, run.folder.report)
    write_whole(run.folder.result, json.dumps(asdict(result), ensure_ascii=False))


def _evaluations(run: Run, model: ImageModel, pictures: Pictures, splits: Splits) -> dict[str, Evaluation]:
    """Every view of the test set, or, where there is none, of the validation set that also chose the model."""
    split, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    flip, classes = run.dataset.traits.flip, run.dataset.classes
    with autocast(choose_precision(run.recipe.training.precision, run.device), run.device):  # as it was trained and validated
        return {
            f"{split}, {view}": evaluate(model, run.dataset, pictures, indices, classes, view=view, flip=flip, world=run.world)
            for view in views_of(run.recipe.views)
        }


def _result(run: Run, fitted: Fitted, pictures: Pictures, splits: Splits, test: Evaluation | None, baseline: Baseline | None) -> Result:
    return Result(
        run=str(run.folder.path),
        model=run.recipe.model,
        recipe=run.recipe.name,
        epochs=fitted.epochs,
        seconds=time.monotonic() - run.started,
        images_per_second=fitted.images_per_second,
        validation_error=fitted.validation_error,
        test_error=test.top1_error if test else None,
        skipped=len(pictures.skipped),
        report=str(run.folder.report),
        model_reason=run.reason,
        n_train=len(splits.train),
        n_test=len(splits.test),
        test_interval=test.interval if test else None,
        parameters=fitted.parameters,
        macs=fitted.macs,
        bytes=sum(file.stat().st_size for file in run.folder.model.iterdir()),
        predict_milliseconds=_milliseconds(run, fitted.model, pictures, splits),
        peak_memory_bytes=peak_memory(),
        baseline=asdict(baseline) if baseline else None,
    )


def _milliseconds(run: Run, model: ImageModel, pictures: Pictures, splits: Splits) -> float:
    """Milliseconds that one decoded picture takes, in a batch; the second of two passes counts."""
    images = next(pictures.stream([splits.validation[:TIMED_PICTURES]])).to(run.device)
    images = centre_crop(images, model.image_size)
    passed = 0.0
    with torch.inference_mode(), autocast(choose_precision(run.recipe.training.precision, run.device), run.device):
        for _ in range(2):
            started = time.perf_counter()
            model(images).cpu()
            passed = time.perf_counter() - started
    return 1000 * passed / len(images)


def _answers(run: Run, evaluation: Evaluation) -> str:
    """answers.csv: what the model said of every picture that it was tested on."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("file", "class", "predicted", "probability"))
    best, sure = evaluation.probabilities.argmax(1), evaluation.probabilities.max(1)
    for index, label, predicted, probability in zip(evaluation.indices, evaluation.labels, best, sure, strict=True):
        name = run.dataset.items[index].name
        writer.writerow((name, evaluation.classes[label], evaluation.classes[predicted], f"{probability:.6f}"))
    return out.getvalue()


def _report(
    run: Run,
    fitted: Fitted,
    pictures: Pictures,
    splits: Splits,
    evaluations: dict[str, Evaluation],
    baseline: Baseline | None,
) -> RunReport:
    first = next(iter(evaluations.values()))
    return RunReport(
        title=f"{run.recipe.model} on {run.dataset.name}",
        model=run.recipe.model,
        model_reason=f"This model because {run.reason}.",
        recipe=fields_of(run.recipe),
        recipe_name=run.recipe.name,
        command=shlex.join(["alexnet", "train", run.recipe.data, "--recipe", str(run.folder.recipe), "--out", f"{run.folder.path}-again"]),
        dataset=run.dataset.name,
        counts={"training": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)},
        classes=run.dataset.classes,
        history=fitted.history,
        evaluations={title: evaluation.to_json() for title, evaluation in evaluations.items()},
        reliability=first.reliability,
        mistakes=_mistakes(run, pictures, first),
        filters=fitted.filters,
        skipped=[asdict(skip) for skip in pictures.skipped],
        environment=environment(run.device) | ({"workers": f"{run.world.size}, layout {run.layout}"} if run.world.size > 1 else {}),
        layers=fitted.layers,
        baseline=_beside(baseline, first.top1_error) if baseline else None,
        solver=fitted.solver or None,
        published=published_numbers(run.dataset.name),
        seconds=fitted.seconds,
        parameters=fitted.parameters,
        macs=fitted.macs,
    )


def _beside(baseline: Baseline, error: float) -> dict[str, Any]:
    return {"in a sentence": beside(asdict(baseline), error), **asdict(baseline)}


def _mistakes(run: Run, pictures: Pictures, evaluation: Evaluation) -> Sequence[Mistake]:
    worst = worst_mistakes(evaluation, WORST)
    shown = pictures.stream([[mistake.index] for mistake in worst])
    names = [run.dataset.items[mistake.index].name for mistake in worst]
    return [
        Mistake(picture=image[0], name=name, true=mistake.true, predicted=mistake.predicted, probability=mistake.probability)
        for image, name, mistake in zip(shown, names, worst, strict=True)
    ]
