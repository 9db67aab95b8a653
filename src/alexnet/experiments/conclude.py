"""The end of a run: the test set opened once, the model saved with its scores, the report written."""

import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from alexnet.classifier import Classifier, ModelCard
from alexnet.data.pictures import Pictures
from alexnet.data.preprocess import Preprocess
from alexnet.data.splits import Splits
from alexnet.device import autocast, choose_precision
from alexnet.evaluation.evaluate import Evaluation, evaluate, worst_mistakes
from alexnet.experiments.published import published_numbers
from alexnet.experiments.recipe import Recipe, views_of
from alexnet.experiments.record import Mistake, RunReport
from alexnet.experiments.report import write_report
from alexnet.experiments.runs import Run, write_whole
from alexnet.experiments.versions import environment, versions
from alexnet.models.pixels import NetworkModel
from alexnet.training.state import TrainingState

REPORT_SECONDS = 3.0  # the report and the last files, kept free in a budget
WORST = 24  # mistakes that the report shows


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


def conclude(run: Run, model: NetworkModel, preprocess: Preprocess, pictures: Pictures, splits: Splits, state: TrainingState) -> Result:
    """Test, save, report; `model` holds the weights that validation chose."""
    evaluations = _evaluations(run, model, pictures, splits)
    first = next(iter(evaluations.values()))
    result = _result(run, pictures, state, first if splits.test else None)
    scores = {title: {"top1_error": e.top1_error, "n": e.n, "interval": list(e.interval)} for title, e in evaluations.items()}
    card = ModelCard(
        model=run.recipe.model,
        classes=run.dataset.classes,
        channels=run.recipe.preprocess.channels,
        preprocess=preprocess,
        network=run.recipe.network,
        flip=run.dataset.traits.flip,
        scores={"validation_error": state.best_error, **scores},
        versions=versions(),
    )
    Classifier(model, card, device=str(run.device)).save(run.folder.model)
    write_report(_report(run, model, pictures, splits, state, evaluations), run.folder.report)
    write_whole(run.folder.result, json.dumps(asdict(result), ensure_ascii=False))
    return result


def views_looked_at(recipe: Recipe) -> int:
    """How many crops of each test picture the recipe's views look at."""
    return sum(10 if view == "ten" else 1 for view in views_of(recipe.views))


def _evaluations(run: Run, model: NetworkModel, pictures: Pictures, splits: Splits) -> dict[str, Evaluation]:
    """Every view of the test set, or, where there is none, of the validation set that also chose the model."""
    split, indices = ("test", splits.test) if splits.test else ("validation", splits.validation)
    flip, classes = run.dataset.traits.flip, run.dataset.classes
    with autocast(choose_precision(run.recipe.training.precision, run.device), run.device):  # as it was trained and validated
        return {
            f"{split}, {view}": evaluate(model, run.dataset, pictures, indices, classes, view=view, flip=flip)
            for view in views_of(run.recipe.views)
        }


def _result(run: Run, pictures: Pictures, state: TrainingState, test: Evaluation | None) -> Result:
    last = state.history[-1]
    return Result(
        run=str(run.folder.path),
        model=run.recipe.model,
        recipe=run.recipe.name,
        epochs=last["epoch"],
        seconds=time.monotonic() - run.started,
        images_per_second=last["images_per_second"],
        validation_error=state.best_error,
        test_error=test.top1_error if test else None,
        skipped=len(pictures.skipped),
        report=str(run.folder.report),
        model_reason=run.reason,
    )


def _report(
    run: Run,
    model: NetworkModel,
    pictures: Pictures,
    splits: Splits,
    state: TrainingState,
    evaluations: dict[str, Evaluation],
) -> RunReport:
    first = next(iter(evaluations.values()))
    return RunReport(
        title=f"{run.recipe.model} on {run.dataset.name}",
        model=run.recipe.model,
        model_reason=f"This model because {run.reason}.",
        recipe=asdict(run.recipe),
        recipe_name=run.recipe.name,
        command=shlex.join(["alexnet", "train", run.recipe.data, "--recipe", str(run.folder.recipe), "--out", f"{run.folder.path}-again"]),
        dataset=run.dataset.name,
        counts={"training": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)},
        classes=run.dataset.classes,
        history=state.history,
        evaluations={title: evaluation.to_json() for title, evaluation in evaluations.items()},
        reliability=first.reliability,
        mistakes=_mistakes(run, pictures, first),
        filters=_first_filters(model),
        skipped=[asdict(skip) for skip in pictures.skipped],
        environment=environment(run.device),
        layers=[asdict(layer) for layer in model.network.layers],
        published=published_numbers(run.dataset.name),
        seconds=state.seconds,
    )


def _mistakes(run: Run, pictures: Pictures, evaluation: Evaluation) -> Sequence[Mistake]:
    worst = worst_mistakes(evaluation, WORST)
    shown = pictures.stream([[mistake.index] for mistake in worst])
    names = [run.dataset.items[mistake.index].name for mistake in worst]
    return [
        Mistake(picture=image[0], name=name, true=mistake.true, predicted=mistake.predicted, probability=mistake.probability)
        for image, name, mistake in zip(shown, names, worst, strict=True)
    ]


def _first_filters(model: NetworkModel) -> Tensor:
    first = next(module for module in model.network.features if isinstance(module, nn.Conv2d))
    return first.weight.detach().float().cpu()
