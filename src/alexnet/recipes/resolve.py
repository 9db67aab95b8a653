"""From the user's request to one resolved run: data set, model, recipe, overrides, and the settings that depend on the machine.

All mistakes of the user are found here, before the work starts. Nothing about the run is decided later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from alexnet.data.dataset import Dataset
from alexnet.errors import BadRecipe, BadRun, BudgetTooSmall
from alexnet.models.kinds import FROZEN_NETWORK, kind_of
from alexnet.models.networks.borrowed.registry import is_borrowed
from alexnet.models.registry import check_known, default_model
from alexnet.recipes import borrowed, efficientnet
from alexnet.recipes.kinds import balance_of, check_fields, rules_of
from alexnet.recipes.memory import check_memory
from alexnet.recipes.named import find_recipe
from alexnet.recipes.networks import resized, with_features_of
from alexnet.recipes.overrides import with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.scale_budget import affordable_scale
from alexnet.recipes.toml import from_toml
from alexnet.runtime.arguments import path_from
from alexnet.runtime.device import choose_precision
from alexnet.runtime.distributed import ALONE, Workers
from alexnet.runtime.events import Listener, silent
from alexnet.training.parallel.registry import choose_layout

SHORTEST_BUDGET = 5.0  # seconds
NEW_WEIGHTS = "none"  # in the place of weights to start from, where a recipe has some
DECISIONS = (
    "preprocess.image_size",
    "preprocess.stored_size",
    "network.width",
    "training.batch_size",
    "training.precision",
    "training.conv_learning_rate",
    "training.muon_learning_rate",
    "training.muon_weight_decay",
    "augment.cutout",
    "solver.refit",
)  # fields that `resolve` sets unless the user does


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRequest:
    """What the user requests of a training; None leaves the choice to the recipe.

    recipe: a name, or the path of a recipe.toml. overrides: recipe fields by dotted name. layout: of the network over several workers.
    layout_of_folders: of the data, as the user has chosen it. balance: of classes of different size; the field depends on the model.
    shares_a_split: other runs train on the same split, and a fair comparison must not refit on validation images.
    """

    data: str
    model: str | None = None
    recipe: str = "quick"
    weights: str | None = None
    seed: int | None = None
    image_size: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    layout: str | None = None
    layout_of_folders: str | None = None
    balance: str | None = None
    shares_a_split: bool = False

    @property
    def is_from_file(self) -> bool:
        """Whether the recipe is read from a file."""
        return self.recipe.endswith(".toml")

    @property
    def requested_fields(self) -> frozenset[str]:
        """The recipe fields that the user has set, with underscores."""
        sizes = {"preprocess.image_size", "preprocess.stored_size"} if self.image_size is not None else set()
        return frozenset(name.replace("-", "_") for name in self.overrides) | sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedRun:
    """Everything about a run that is decided before it starts. `recipe` is what recipe.toml holds; it never changes afterwards."""

    recipe: Recipe
    model_reason: str = "it was requested"
    layout: str = "alone"  # of the network over the workers


def resolve(
    request: TrainingRequest,
    dataset: Dataset,
    *,
    device: torch.device,
    world: Workers = ALONE,
    started: Recipe | None = None,
    listen: Listener = silent,
) -> ResolvedRun:
    """The run that a request describes, for these images, this device and these workers.

    started: the recipe of the run to resume, whose decisions are kept: image size, precision, rates of the layout, last fit.
    Raises BadModel, ImageSizeTooSmall, BadRecipe, BadWeights, BudgetTooSmall or AlexNetError with the next step.
    """
    layout = choose_layout(request.layout, world)
    recipe, reason = recipe_of(request, dataset)
    rates_are_given = request.is_from_file or "training.conv_learning_rate" in request.requested_fields
    classes = len(dataset.classes)
    recipe = rules_of(recipe.model).adapted_to_workers(recipe, layout, classes, world, rates_are_given=rates_are_given)
    if started is None:
        recipe = _decided(recipe, request, dataset, device, world, listen)
    else:
        recipe = _as_started(recipe, started, request.requested_fields)
    return ResolvedRun(recipe=recipe, model_reason=reason, layout=layout)


def recipe_of(request: TrainingRequest, dataset: Dataset) -> tuple[Recipe, str]:
    """The recipe that the request alone describes, checked against the images, and the reason for its model."""
    name, reason = _model(request, dataset.native_side())
    chosen = _from_file(request) if request.is_from_file else _named(request, name, dataset)
    if request.is_from_file and request.model is None:
        reason = "the recipe file specifies it"
    check_fields(chosen.model, [*request.overrides, *(["weights"] if request.weights else [])])
    if request.layout_of_folders is not None:
        chosen = replace(chosen, layout_of_folders=request.layout_of_folders)
    if request.seed is not None:
        chosen = replace(chosen, seed=request.seed)
    if request.weights not in (None, NEW_WEIGHTS) and not chosen.weights:  # a recipe file with weights already has the rates for them
        chosen = with_overrides(chosen, {"training.lower_layers": 0.1, "training.learning_rate": chosen.training.learning_rate / 2})
    if request.weights == NEW_WEIGHTS:
        chosen = _from_new_weights(chosen) if chosen.weights else chosen
    else:
        chosen = replace(chosen, weights=request.weights or chosen.weights)
    if kind_of(chosen.model) is FROZEN_NETWORK and not request.is_from_file:
        chosen = with_features_of(chosen)
    if request.image_size is not None:
        chosen = resized(chosen, request.image_size)
    if request.balance is not None:
        chosen = with_overrides(chosen, balance_of(chosen.model, request.balance))
    chosen = with_overrides(chosen, request.overrides)
    _check_budget(chosen.training.budget_seconds)
    rules_of(chosen.model).check(chosen, dataset)
    return chosen, reason


def _from_new_weights(recipe: Recipe) -> Recipe:
    return borrowed.from_new_weights(recipe) if is_borrowed(recipe.model) else efficientnet.from_new_weights(recipe)


def _decided(recipe: Recipe, request: TrainingRequest, dataset: Dataset, device: torch.device, world: Workers, listen: Listener) -> Recipe:
    """The recipe with the settings that depend on the machine and on runs that share the split."""
    if kind_of(recipe.model).fixed_features:
        shared = recipe.fraction < 1 or request.shares_a_split
        return with_overrides(recipe, {"solver.refit": False}) if shared else recipe
    images = sum(1 for item in dataset.items if item.split in (None, "train"))
    check_memory(recipe, classes=len(dataset.classes), images=images, device=device, workers=world.size)
    if not request.is_from_file and kind_of(recipe.model) is not FROZEN_NETWORK:
        recipe = affordable_scale(recipe, dataset, device, request.requested_fields, world=world, listen=listen)
    return with_overrides(recipe, {"training.precision": choose_precision(recipe.training.precision, device)})


def _as_started(recipe: Recipe, started: Recipe, requested: Iterable[str]) -> Recipe:
    """The recipe with the decisions of the run to resume, except for fields that are requested now."""
    decisions = {name: value_of(started, name) for name in DECISIONS if name not in requested}
    sizes = {name: value for name, value in decisions.items() if name.startswith("preprocess.")}
    if len(sizes) == 2:  # replaced together, because one new and one old size may be invalid
        recipe = replace(recipe, preprocess=replace(recipe.preprocess, **{name.partition(".")[2]: value for name, value in sizes.items()}))
    others = {name: value for name, value in decisions.items() if name not in sizes and value is not None}
    return with_overrides(recipe, others)


def value_of(recipe: Recipe, dotted: str) -> Any:
    """The value of a field by its dotted name."""
    value: Any = recipe
    for part in dotted.split("."):
        value = getattr(value, part)
    return value


def _from_file(request: TrainingRequest) -> Recipe:
    chosen = replace(from_toml(Path(request.recipe)), data=request.data)
    name = request.model or chosen.model
    check_known(name)
    if kind_of(name) is not kind_of(chosen.model):
        raise BadRecipe(
            f"{request.recipe} is a recipe for {chosen.model}, and {name} is another kind of model. Use a named recipe: --recipe quick."
        )
    return replace(chosen, model=name)


def _named(request: TrainingRequest, model: str, dataset: Dataset) -> Recipe:
    find_recipe(request.recipe)
    check_known(model)
    return rules_of(model).named(request.recipe, model, request.data, dataset)


def _model(request: TrainingRequest, side: int) -> tuple[str, str]:
    if request.model is not None:
        return request.model, "it was requested"
    if request.weights == "imagenet":
        return "alexnet-owt", "torchvision publishes ImageNet weights for it"
    return default_model(side)


def _check_budget(seconds: float) -> None:
    if 0 < seconds < SHORTEST_BUDGET:
        raise BudgetTooSmall(f"A budget of {seconds:g} s is too short to read, test and report. Use --budget {SHORTEST_BUDGET:g}s or more.")


def recipe_to_resume(recipe: str | Path | None, out: str | Path | None, *, resume: bool) -> str:
    """The recipe's name or file: the one requested, that of the run to resume, or `quick`; raises BadRun for --resume without --out."""
    if resume and out is None:
        raise BadRun("--resume needs the folder of the run to resume: add --out RUN.")
    started = path_from(out, "out", BadRun) / "recipe.toml" if out is not None else None
    if recipe is None and resume and started is not None and started.exists():
        return str(started)
    return str(recipe) if recipe is not None else "quick"


def layout_of_recipe(recipe: str) -> str | None:
    """The layout of folders that a recipe file has; None for a named recipe."""
    return from_toml(Path(recipe)).layout_of_folders if recipe.endswith(".toml") else None


def data_of_recipe(recipe: str | Path | None, out: str | Path | None, *, resume: bool) -> str:
    """The data set of a recipe file, or of the run to resume; raises BadRecipe or BadRun if there is none."""
    chosen = recipe_to_resume(recipe, out, resume=resume)
    if chosen.endswith(".toml"):
        return from_toml(Path(chosen)).data
    if resume:
        raise BadRun(f"{out} holds no run to resume. To start one: alexnet train DATA --out {out}")
    raise BadRecipe(
        "DATA is missing. Run: alexnet train DATA, where DATA is a folder, an archive, or fashion-mnist, cifar10, mnist, digits."
    )
