"""What people ask for, as commands of `alexnet`: the words of the command line that the same person could have typed."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alexnet.i18n.translate import Lang
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.toml import from_toml
from alexnet.runs.folder import RunFolder
from alexnet.studio.corrections import renew_table
from alexnet.studio.datasets import DataSet, DataSets
from alexnet.studio.jobs import Job, Request
from alexnet.studio.names import run_name
from alexnet.studio.queue import ENDED, Queue
from alexnet.studio.refusal import Refusal
from alexnet.studio.workspace import Workspace

LONGEST_MINUTES = 7 * 24 * 60
LEAST_SECONDS = 5
LONGEST_STEM = 100  # bytes of the name of a new run


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A training that somebody asks for. data: a data set of the workspace, or a named one.

    way: the best system within `minutes`; one `model` for `minutes`; or the recipe of a finished `run`, or a named `recipe` of a model.
    """

    data: str
    way: Literal["best", "model", "recipe"] = "best"
    minutes: float = 10.0
    model: str = ""
    recipe: str = ""
    run: str = ""
    name: str = ""  # of the new run's folder; chosen if empty


class Requests:
    """Turns wishes into jobs of a queue."""

    def __init__(self, workspace: Workspace, data_sets: DataSets, queue: Queue) -> None:
        self.workspace, self.data_sets, self.queue = workspace, data_sets, queue

    def train(self, wish: Wish) -> Job:
        """Start a training, or let it wait for its turn; raises Refusal and AlexNetError for what cannot be trained."""
        data, stem = self.data(wish.data)
        out = self.free(wish.name or f"{stem}-{wish.model if wish.way == 'model' else wish.run or wish.recipe or 'best'}")
        words = ("train", *data, *self._way(wish), *self._out(out))
        return self.queue.add(Request(kind="train", words=words, run=out, title=stem))

    def _way(self, wish: Wish) -> Sequence[str]:
        if wish.way == "recipe" and wish.run:
            recipe = RunFolder(self.workspace.run(wish.run)).recipe
            if not recipe.exists():
                raise Refusal("not_finished", 409, name=wish.run)
            return ["--recipe", str(recipe)]
        budget = ["--budget", budget_of(wish.minutes)]
        if wish.way == "best":
            return budget
        check_model(wish.model)
        check_recipe(wish.recipe)
        return ["--model", wish.model, *(["--recipe", wish.recipe] if wish.recipe else []), *budget]

    def again(self, run: str) -> Job:
        """Train again from a finished run, on its data set as it is now: its recipe and, of a network, its weights."""
        path = self.workspace.run(run)
        recipe = recipe_of(path)
        data = self.data_sets.of_path(recipe.data)
        if data is None:
            raise Refusal("not_ours", 409, data=recipe.data)
        words = [*self._words(data), "--recipe", str(RunFolder(path).recipe)]
        if (path / "model" / "model.safetensors").exists() and is_network(recipe.model):
            words += ["--weights", str(path)]
        out = self.free(run)
        return self.queue.add(Request(kind="train", words=("train", *words, *self._out(out)), run=out, title=data.name))

    def resume(self, run: str) -> Job:
        """Let a run, a comparison or a study that was stopped go on."""
        path, former = self.workspace.run(run), self.queue.of_run(run)
        if former is not None and former.state() not in ENDED:
            raise Refusal("job_exists", 409, name=run)
        if former is not None and former.request.kind in ("study", "compare"):
            return self.queue.add(former.request)
        title = former.request.title if former is not None else run
        return self.queue.add(Request(kind="train", words=("train", "--out", str(path), "--resume", "--json"), run=run, title=title))

    def study(self, data: str, claim: str, minutes: float, lang: Lang) -> Job:
        """Measure one claim of the lecture on a data set."""
        check_claim(claim)
        words, stem = self.data(data)
        out = self.free(f"{stem}-{claim}")
        chosen = ("study", *words, "--claims", claim, "--budget", budget_of(minutes), "--lang", lang)
        return self.queue.add(Request(kind="study", words=(*chosen, *self._out(out)), run=out, title=claim))

    def compare(self, data: str, minutes: float) -> Job:
        """Compare the systems of all generations on a data set."""
        words, stem = self.data(data)
        out = self.free(f"{stem}-comparison")
        return self.queue.add(
            Request(kind="compare", words=("compare", *words, "--budget", budget_of(minutes), *self._out(out)), run=out, title=stem)
        )

    def explain(self, run: str, lang: Lang) -> Job:
        """Explain a finished run."""
        path = self.workspace.run(run)
        return self.queue.add(Request(kind="explain", words=("explain", str(path), "--lang", lang, "--json"), run=run, title=run))

    def export(self, run: str, target: str, suffix: str, *, int8: bool) -> Job:
        """Write a model for other programs into the workspace's exports; a former one of the same form is replaced."""
        path = self.workspace.run(run)
        out = self.exported(run, target, suffix, int8=int8)
        words = ("export", str(path), "--to", target, *(["--int8"] if int8 else []), "--out", str(out), "--json")
        request = Request(kind="export", words=words, run=run, title=out.name)
        self.queue.check(request)
        out.parent.mkdir(exist_ok=True)
        shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
        return self.queue.add(request)

    def exported(self, run: str, target: str, suffix: str, *, int8: bool) -> Path:
        """Where a model of that form is written."""
        return self.workspace.exports / f"{run}{'-int8' if int8 else ''}{suffix or f'-{target}'}"

    def serve(self, run: str) -> Job:
        """Start the service of a finished run."""
        path = self.workspace.run(run)
        return self.queue.add(Request(kind="serve", words=("serve", str(path), "--port", "0"), run=run, title=run))

    def data(self, name: str) -> tuple[list[str], str]:
        """The words that mean a data set, and a stem for names of runs; raises Refusal for one that is empty or unknown."""
        from alexnet.data.named.registry import NAMED

        if name in NAMED and name not in self.data_sets.names():
            return [name], name
        data = self.data_sets.find(name)
        filled = [one for one, counts in data.counts().items() if sum(counts.values())]
        if len(filled) < 2:
            raise Refusal("few_classes", 422, name=name, n=len(filled))
        return self._words(data), data.name

    def free(self, stem: str) -> str:
        """The first of STEM, STEM-2, STEM-3 ... that no folder has and no job will make."""
        stem = run_name(shortened(stem))
        wanted = {job.request.run for job in self.queue.jobs()}
        number, name = 1, stem
        while (self.workspace.path / name).exists() or name in wanted:
            number += 1
            name = f"{stem}-{number}"
        return name

    def _words(self, data: DataSet) -> list[str]:
        """The words for a data set of the workspace, with the table of its split if that is fixed, which others may have made untrue."""
        with self.data_sets.changing:
            renew_table(data)
        return [str(data.path), *(["--labels", str(data.table)] if data.is_fixed else [])]

    def _out(self, name: str) -> list[str]:
        return ["--out", str(self.workspace.path / name), "--json"]


def shortened(stem: str) -> str:
    """A name's first characters, so that it can be that of a folder with a number behind it."""
    return stem.encode(errors="replace")[:LONGEST_STEM].decode(errors="ignore").rstrip(". ")


def budget_of(minutes: float) -> str:
    """A duration as the command line reads it; raises Refusal for one that is too short or too long."""
    if not LEAST_SECONDS / 60 <= minutes <= LONGEST_MINUTES:
        raise Refusal("minutes", 422, minutes=f"{minutes:g}")
    return f"{60 * minutes:g}s"


def recipe_of(run: Path) -> Recipe:
    """The recipe of a run; raises Refusal while it has none."""
    path = RunFolder(run).recipe
    if not path.exists():
        raise Refusal("not_finished", 409, name=run.name)
    return from_toml(path)


def check_model(name: str) -> None:
    """Raise BadModel, with the nearest name, for a model that is not known."""
    from alexnet.models.registry import check_known

    check_known(name)


def check_recipe(name: str) -> None:
    """Raise Refusal (404) for a recipe that has no name here; empty is the model's own. A path is none."""
    from alexnet.recipes.named import RECIPES

    if name and name not in RECIPES:
        raise Refusal("no_recipe", 404, name=name)


def check_claim(name: str) -> None:
    """Raise Refusal (404) for a claim that is not known."""
    from alexnet.studies.registry import STUDIES

    if name not in STUDIES:
        raise Refusal("no_claim", 404, name=name)


def is_network(name: str) -> bool:
    """Whether a model is a network that is trained step by step, and so can start from former weights."""
    from alexnet.models.kinds import kind_of

    return not kind_of(name).fixed_features
