"""The catalogue of studies, and what an arm makes of the common recipe."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from alexnet.data.dataset import Dataset, Traits
from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset, BadRecipe
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.networks.shapes import Layer
from alexnet.recipes.networks import layers_of
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.resolve import value_of
from alexnet.recipes.toml import differences
from alexnet.studies.arms import Matching, Scale, Times, arm_recipe, common_recipe, resolve, seen_side
from alexnet.studies.claim import Arm, Study
from alexnet.studies.registry import STUDIES, find_studies
from alexnet.studies.trial import digest

SCALE = Scale(size=64, width=0.125, fraction=0.5, epochs=4.0)
ISSUE = {  # what the lecture and its audience ask
    "activation", "pooling", "overlap", "pool-position", "dropout", "normalization", "fully-connected", "depth", "first-layer", "towers",
    "augmentation", "colour", "weight-decay", "initialisation", "input-size", "convolution", "data",
}  # fmt: skip


def images(folder: Path, side: int, names: tuple[str, ...] = ("ant", "bee", "cat")) -> Dataset:
    """Digits under other names, enlarged: 8 of each class."""
    digits = load_digits()
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(digits.images[digits.target == label][:8]):
            pixels = Image.fromarray((image * 15).astype("uint8")).resize((side, side)).convert("RGB")
            pixels.save(folder / name / f"{number}.png")
    return open_dataset(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return images(tmp_path_factory.mktemp("small"), 32)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return images(tmp_path_factory.mktemp("large"), 100)


def common(dataset: Dataset) -> Recipe:
    return common_recipe("pictures", dataset, SCALE, {})


def layers(recipe: Recipe) -> tuple[Layer, ...]:
    return layers_of(recipe, 3)


def total(recipe: Recipe, what: str) -> int:
    return sum(getattr(layer, what) for layer in layers(recipe))


def built(study: Study, dataset: Dataset, seed: int) -> dict[str, Recipe]:
    """The recipe of every arm, by its name; raises what went wrong with all that cannot be built."""
    recipes: dict[str, Recipe] = {}
    failed: list[Exception] = []
    shared = common(dataset)
    for arm in study.arms:
        try:
            recipes[arm.name] = arm_recipe(study, arm, shared, dataset, seed=seed)
        except Exception as error:  # goes to the test
            error.add_note(f"in the arm {arm.name}")
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"arms of {study.claim} that cannot be built", failed)
    return recipes


def test_every_claim_of_the_lecture_has_a_study() -> None:
    assert set(STUDIES) == ISSUE


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("kind", ["small", "large"])
def test_every_arm_builds(study: Study, kind: str, request: pytest.FixtureRequest) -> None:
    recipes = built(study, request.getfixturevalue(kind), seed=7)
    assert {name: recipe.seed for name, recipe in recipes.items()} == {arm.name: 7 for arm in study.arms}
    outputs = {name: layers(recipe)[-1].output for name, recipe in recipes.items() if recipe.model not in SYSTEMS}
    assert outputs == dict.fromkeys(outputs, (3,))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("kind", ["small", "large"])
def test_arms_differ_from_each_other_in_what_they_say_and_nothing_else(study: Study, kind: str, request: pytest.FixtureRequest) -> None:
    recipes = built(study, request.getfixturevalue(kind), seed=0)
    keys = [digest(recipe) for recipe in recipes.values()]
    assert len(set(keys)) == len(keys)
    first = study.arms[0]
    for arm in study.arms[1:]:
        if recipes[arm.name].model != recipes[first.name].model:
            continue
        said = {*first.changes, *first.small, *arm.changes, *arm.small}
        found = {line.split(":")[0] for line in differences(recipes[first.name], recipes[arm.name])}
        assert found <= said


def test_the_two_sides_of_a_claim_are_arms_of_it() -> None:
    for study in STUDIES.values():
        names = [arm.name for arm in study.arms]
        assert {study.better, study.worse} <= set(names)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("side", "seen"), [(32, 31), (28, 23), (31, 31), (48, 47), (16, 15)])
def test_pooling_windows_of_2_and_3_give_equal_maps_at_the_size_seen(side: int, seen: int) -> None:
    assert seen_side(side) == seen
    overlapping = side_by_side = seen
    for _ in range(3):
        overlapping, side_by_side = (overlapping - 3) // 2 + 1, (side_by_side - 2) // 2 + 1
        assert overlapping == side_by_side >= 1


@pytest.mark.parametrize("kind", ["small", "large"])
def test_overlap_is_compared_on_maps_of_the_same_size(kind: str, request: pytest.FixtureRequest) -> None:
    dataset = request.getfixturevalue(kind)
    sizes = [
        [layer.output for layer in layers(arm_recipe(STUDIES["overlap"], arm, common(dataset), dataset, seed=0)) if layer.kind == "pool"]
        for arm in STUDIES["overlap"].arms
    ]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 3


@pytest.mark.parametrize(
    ("claim", "arm", "what"),
    [
        ("fully-connected", "fc-one-equal", "parameters"),
        ("convolution", "mlp-parameters", "parameters"),
        ("convolution", "mlp-macs", "macs"),
    ],
)
def test_totals_are_matched_from_below_within_a_hundredth(claim: str, arm: str, what: str, small: Dataset) -> None:
    shared = common(small)
    matched = arm_recipe(STUDIES[claim], STUDIES[claim].arm(arm), shared, small, seed=0)
    assert 0.99 * total(shared, what) < total(matched, what) <= total(shared, what)


def test_relative_changes_are_worked_out_and_whole_numbers_stay_whole(large: Dataset) -> None:
    arm = Arm(name="x", changes={"preprocess.stored_size": Times(1.5), "fraction": Times(0.1), "network.dropout": Times(0.5)})
    recipe = arm_recipe(replace(STUDIES["pooling"], arms=(arm,)), arm, common(large), large, seed=0)
    assert value_of(recipe, "preprocess.stored_size") == 110  # of 73
    assert value_of(recipe, "fraction") == 0.05
    assert value_of(recipe, "network.dropout") == 0.5  # the table's own is no number of the recipe: the factor itself


def test_the_normalisation_without_neighbours_keeps_its_factor(small: Dataset) -> None:
    study = STUDIES["normalization"]
    recipe = arm_recipe(study, study.arm("norm-factor"), common(small), small, seed=0)
    assert recipe.network.norm_alpha == 0
    assert pytest.approx(0.595, abs=5e-4) == 2.0**-0.75  # what is left of it


def test_mirrors_are_refused_where_they_change_the_class(tmp_path: Path) -> None:
    dataset = images(tmp_path, 32, names=("0", "1", "2"))
    assert dataset.traits == Traits(flip=False, colour=dataset.traits.colour, gray=dataset.traits.gray)
    arms = resolve(STUDIES["augmentation"], common(dataset), dataset, seeds=2)
    assert "Mirroring a picture can change its class" in str(arms.arms["flip"].failure)
    assert arms.arms["crop"].failure is None
    assert arms.reason is not None  # the claim is about crops and mirrors
    assert not arms.recipes
    assert arms.arms["flip"].outcome({}, 1).failure == arms.arms["flip"].failure


def test_too_small_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="pictures of 12 px; a study needs 15 px or more"):
        common(images(tmp_path, 12))


def test_studies_are_found_by_name() -> None:
    assert [study.claim for study in find_studies("dropout, activation")] == ["activation", "dropout"]
    assert len(find_studies(None)) == len(STUDIES)
    with pytest.raises(BadRecipe, match=r"No study is called 'drop-out'\. Did you mean 'dropout'"):
        find_studies("drop-out")
    with pytest.raises(BadRecipe, match="--claims is empty"):
        find_studies(" , ")


def test_a_user_goes_before_the_common_recipe(small: Dataset) -> None:
    recipe = common_recipe("pictures", small, SCALE, {"training.learning_rate": "0.5", "network.width": "0.9"})
    assert recipe.training.learning_rate == 0.5
    assert recipe.network.width == SCALE.width  # a field of the scale, which is planned with it


def test_matching_stops_at_the_largest_number_that_fits(small: Dataset) -> None:
    arm = Arm(name="x", model="mlp", changes={"network.hidden_units": Matching("parameters")})
    recipe = arm_recipe(replace(STUDIES["pooling"], arms=(arm,)), arm, common(small), small, seed=0)
    units = recipe.network.hidden_units
    assert units is not None
    more = replace(recipe, network=replace(recipe.network, hidden_units=units + 1))
    assert total(more, "parameters") > total(common(small), "parameters")
