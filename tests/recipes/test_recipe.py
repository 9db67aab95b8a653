"""Recipes as values: written, read, changed by a dotted name, compared."""

import math
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.errors import AlexNetError, BadRecipe
from alexnet.recipes.overrides import field_names, with_overrides
from alexnet.recipes.recipe import Recipe, views_of
from alexnet.recipes.toml import differences, from_toml, to_toml

START = Recipe(name="quick", data="photos", model="lenet")
NUMBERS = {
    "training.epochs": st.floats(0.01, 500),
    "training.batch_size": st.integers(1, 4096),
    "training.learning_rate": st.floats(1e-6, 10),
    "training.momentum": st.floats(0, 0.99),
    "training.label_smoothing": st.floats(0, 0.9),
    "augment.brightness": st.floats(0, 1),
    "augment.crop_padding": st.integers(0, 20),
    "augment.scale": st.floats(0.01, 1),
    "training.muon_precision": st.sampled_from(["bf16", "training"]),
    "network.width": st.floats(0.1, 4),
    "network.towers_talk": st.booleans(),
    "network.activation": st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]),
    "preprocess.fit": st.sampled_from(["crop", "squash"]),
    "augment.flip": st.booleans(),
    "seed": st.integers(0, 2**32 - 1),
    "weights": st.text(st.characters(exclude_categories=["Cs"])),
    "data": st.text(st.characters(exclude_categories=["Cs"])),
}


@given(st.fixed_dictionaries({}, optional=NUMBERS))
def test_toml_and_back(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]) -> None:
    recipe = with_overrides(START, changes)
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8", newline="")
    assert from_toml(path) == recipe


@given(st.fixed_dictionaries({}, optional=NUMBERS))
def test_words_mean_what_values_mean(changes: dict[str, Any]) -> None:
    words = {name.replace("_", "-"): str(value) for name, value in changes.items()}
    assert with_overrides(START, words) == with_overrides(START, changes)


@given(st.sampled_from(field_names(Recipe)), st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.integers())))
def test_any_value_is_taken_or_refused_with_a_message(name: str, value: object) -> None:
    try:
        with_overrides(START, {name: value})
    except AlexNetError as error:
        assert str(error)  # noqa: PT017 - either way is right; what is not is another exception


def test_every_field_has_a_kind_that_words_can_give() -> None:
    hints = get_type_hints(Recipe)
    names = field_names(Recipe)
    assert {"training.learning_rate", "network.pool_after", "preprocess.fit", "augment.pca_noise", "seed"} <= set(names)
    for name in names:
        owner, _, leaf = name.rpartition(".")
        hint = get_type_hints(hints[owner])[leaf] if owner else hints[leaf]
        kinds = get_args(hint) or (hint,)
        assert all(kind in (int, float, bool, str, type(None)) or isinstance(kind, str) or get_args(kind) for kind in kinds), name


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("Yes", True), ("on", True), ("1", True), ("false", False), ("no", False), ("0", False)]
)
def test_words_for_yes_and_no(word: str, value: bool) -> None:
    assert with_overrides(START, {"augment.flip": word}).augment.flip is value


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("training.lerning_rate", "training.learning-rate"),
        ("learning-rate", "training.learning-rate"),
        ("network.flip", "augment.flip"),
        ("preproces.fit", "preprocess.fit"),
        ("training.epoch", "training.epochs"),
        ("training.lr", "training.learning-rate"),
        ("lr", "training.learning-rate"),
        ("training.batch", "training.batch-size"),
        ("training.bs", "training.batch-size"),
        ("training.bsz", "training.batch-size"),
        ("training.wd", "training.weight-decay"),
        ("training.size", "training.batch-size"),
        ("preprocess.size", "preprocess.image-size"),
        ("preprocess.imgsz", "preprocess.image-size"),
        ("training.optim", "training.optimizer"),
        ("optimiser.momentum", "training.momentum"),
        ("network.dropout_rate", "network.dropout"),
        ("training.decay", "training.weight-decay"),
        ("training.smoothing", "training.label-smoothing"),
    ],
)
def test_a_wrong_name_gets_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BadRecipe, match=f"No field of a recipe is called '{name}'. Did you mean '{nearest}'"):
        with_overrides(START, {name: "1"})


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "inf", "1e999"])
def test_numbers_are_finite(value: object) -> None:
    with pytest.raises(BadRecipe, match="a finite number"):
        with_overrides(START, {"training.learning_rate": value})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "lacks name, data, model"),
        ("name = 3", "lacks data, model"),
        ('name=3\ndata="d"\nmodel="lenet"', "name is 3, and must be text"),
        ('data="d"\nmodel="lenet"\nname=1979-05-27', "name is datetime.date(1979, 5, 27), and must be text"),
        ("= nonsense", "is not a readable recipe"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nlearning_rat=3', "Did you mean 'training.learning-rate'"),
        ('name="quick"\ndata="d"\nmodel="lenet"\ntraining=3', "training is 3; it is a section, whose fields go under [training]"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[seed]\nx=3', "seed is a section"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training.epochs]\nx=3', "training.epochs is a section"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training]\nepochs=[3]', "training.epochs is [3]; it must be a finite number"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nweights=["a"]', "weights is ['a']; it must be text"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training]\nepochs=1979-05-27', "training.epochs is datetime.date"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training]\nepochs=nan', "training.epochs is nan; it must be a finite number"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nseed=true', "seed is True; it must be a whole number"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[preprocess]\nimage_size=1' + "0" * 30, "it must be a whole number"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nseed=' + "9" * 6000, "is not a readable recipe"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nseed=' + "[" * 20_000, "is nested too deeply"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training' + ".a" * 90 + "]\nb=3", "training.a is a section"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[fast' + ".a" * 90 + "]\nb=3", "fast.a is a section"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training' + ".a" * 100_000 + "]\nb=3", "is nested too deeply"),
        ("a . " * 100_000 + "a=1", "is nested too deeply"),
        ("'a'." * 100_000 + "a=1", "is nested too deeply"),
        ("# " + "x" * 1_000_000, "larger than 1,000,000 bytes"),
        ('name="quick"\ndata="d"\nmodel="lenet"\n[training]\nbatch_size=inf', "a whole number"),
        ('name="quick"\ndata="d"\nmodel="lenet"\nviews="front"', "views is 'front'"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(BadRecipe) as refused:
        from_toml(path)
    assert part in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_byte_order_mark_is_skipped_and_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(START), encoding="utf-8-sig")
    assert from_toml(path) == START
    path.write_text(to_toml(START), encoding="utf-16")
    with pytest.raises(BadRecipe, match=r"recipe\.toml is not a readable recipe"):
        from_toml(path)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_told_to_save_as_utf_8(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes('name = "quick"\ndata = "Bläue"\nmodel = "lenet"\n'.encode(encoding))
    with pytest.raises(BadRecipe, match=r"recipe\.toml is not a readable recipe: .* Save it as UTF-8"):
        from_toml(tmp_path / "recipe.toml")


def test_a_recipe_without_newer_fields_takes_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "quick"\ndata = "photos"\nmodel = "lenet"\n[network]\ninitialisation = "pictures"\n')
    assert from_toml(path) == with_overrides(START, {"network.initialisation": "images"})


def test_toml_leaves_out_what_the_network_decides() -> None:
    values = tomllib.loads(to_toml(with_overrides(START, {"network.activation": "tanh"})))
    assert values["network"] == {"activation": "tanh"}


def test_toml_leaves_out_later_fields_at_their_defaults_so_that_runs_of_earlier_versions_keep_their_identity() -> None:
    values = tomllib.loads(to_toml(START))
    assert "scale" not in values["augment"]
    assert "muon_precision" not in values["training"]
    changed = tomllib.loads(to_toml(with_overrides(START, {"augment.scale": 0.5, "training.muon_precision": "training"})))
    assert changed["augment"] == values["augment"] | {"scale": 0.5}
    assert changed["training"] == values["training"] | {"muon_precision": "training"}


def test_differences_name_the_fields() -> None:
    assert differences(START, START) == []
    assert differences(START, with_overrides(START, {"training.epochs": 3, "seed": 1})) == ["seed: 0 / 1", "training.epochs: 90.0 / 3.0"]


def test_views_of_a_recipe() -> None:
    assert views_of("centre, ten") == ["centre", "ten"]
    with pytest.raises(BadRecipe, match="it can be centre, ten, shifted, any"):
        views_of(" , ")
