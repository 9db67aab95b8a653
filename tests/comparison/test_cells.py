"""The words of a comparison, the cells that follow from them, and how a budget is shared."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.comparison.cells import LEAST_SECONDS, Cell, network_of, seconds_for
from alexnet.comparison.request import (
    ComparisonRequest,
    comparison_request,
    default_models,
    differences,
    load_comparison_request,
    save_comparison_request,
)
from alexnet.errors import AlexNetError, BadModel, BadRecipe, BadRun, BudgetTooSmall
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.kinds import kind_of
from alexnet.models.registry import ARCHITECTURES


def test_small_images_get_small_networks() -> None:
    assert default_models(32) == ("raw-svm", "hog-svm", "fisher-svm", "lenet", "convnet-small", "convnet-small+svm")
    assert default_models(300) == ("raw-svm", "hog-svm", "fisher-svm", "alexnet", "alexnet+svm")
    assert all(network_of(name) in {*SYSTEMS, *ARCHITECTURES} for side in (8, 300) for name in default_models(side))


def test_what_is_not_said_has_its_default() -> None:
    words = comparison_request("digits", 8)
    assert (words.fractions, words.seeds, words.budget) == ((0.1, 0.3, 1.0), 1, None)
    assert len(words.cells()) == 18


def test_kinds() -> None:
    assert [kind_of(model).name for model in ("fisher-svm", "alexnet", "alexnet+svm")] == ["hand-crafted", "network", "frozen"]


def test_words_as_they_are_typed() -> None:
    words = comparison_request("digits", 8, models=" lenet, raw-svm,lenet ", fractions="1, 0.25,.5,0.5", seeds=2, budget="10m")
    assert words.models == ("lenet", "raw-svm")
    assert words.fractions == (0.25, 0.5, 1.0)
    assert words == comparison_request("digits", 8, models=["lenet", "raw-svm"], fractions=[0.25, 0.5, 1], seeds=2, budget="10m")


def test_frozen_features_bring_their_network() -> None:
    assert comparison_request("digits", 8, models="alexnet-cifar+svm,hog-svm").models == ("alexnet-cifar", "alexnet-cifar+svm", "hog-svm")


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"models": "hog-svn"}, BadModel, "No model is called 'hog-svn'. Did you mean 'hog-svm'?"),
        ({"models": "raw-svm+svm"}, BadModel, "No model is called 'raw-svm+svm'"),
        ({"models": " , "}, BadModel, "--models is empty; list model names"),
        ({"fractions": "0.1,2"}, BadRecipe, "--fractions has '2'; a fraction is a share of the training pictures"),
        ({"fractions": "0,1"}, BadRecipe, "--fractions has '0'"),
        ({"fractions": "half"}, BadRecipe, "--fractions has 'half'"),
        ({"fractions": "nan"}, BadRecipe, "--fractions has 'nan'"),
        ({"fractions": ""}, BadRecipe, "--fractions has ''"),
        ({"fractions": []}, BadRecipe, "--fractions is empty"),
        ({"seeds": 0}, BadRecipe, "--seeds is 0; each system needs 1 seed or more"),
        ({"budget": "soon"}, BadRecipe, "'soon' is not a duration"),
        (
            {"models": "lenet,hog-svm", "seeds": 2, "budget": "50s"},
            BudgetTooSmall,
            "A budget of 50 s leaves 8.3 s for each of the 6 networks to train; each needs at least 10 s. Set --budget to 60s or more",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(words: dict[str, object], kind: type[AlexNetError], message: str) -> None:
    with pytest.raises(kind) as refused:
        comparison_request("digits", 8, **words)  # type: ignore[arg-type]  # of several types
    assert message in str(refused.value)


def test_a_budget_without_networks_is_never_too_small() -> None:
    assert comparison_request("digits", 8, models="raw-svm", budget="1s").budget_seconds == 1


def test_hand_crafted_first_small_amounts_first_frozen_after_its_network() -> None:
    words = comparison_request("digits", 8, models="lenet+svm,hog-svm,alexnet-cifar,raw-svm", fractions="1,0.1", seeds=2)
    folders = [cell.folder for cell in words.cells()]
    assert folders[:8] == [f"{model}-{n}-{seed}" for n in ("0.1", "1") for seed in (0, 1) for model in ("hog-svm", "raw-svm")]
    assert folders[8:14] == [f"{model}-0.1-{seed}" for seed in (0, 1) for model in ("lenet", "lenet+svm", "alexnet-cifar")]
    assert len(set(folders)) == len(folders) == 20


def test_shares_follow_the_amount_of_images() -> None:
    small, large = Cell("lenet", 0.1, 0), Cell("lenet", 1.0, 0)
    assert seconds_for(small, 1100.0, [large]) == pytest.approx(100)
    assert seconds_for(large, 1000.0, []) == 1000
    assert seconds_for(small, 50.0, [large]) == LEAST_SECONDS
    assert seconds_for(large, -5.0, []) == LEAST_SECONDS


def test_frozen_features_are_left_some_time() -> None:
    network, frozen = Cell("lenet", 1.0, 0), Cell("lenet+svm", 1.0, 0)
    assert seconds_for(network, 115.0, [frozen]) == pytest.approx(100)


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=5, unique=True),
    st.integers(1, 3),
    st.booleans(),
    st.floats(0, 5_000),
)
def test_shares_fill_the_budget_and_never_more(fractions: list[float], seeds: int, frozen: bool, spare: float) -> None:
    """Each training uses its share to the end: what is left at the end is never negative, and nothing without frozen cells."""
    models = ("lenet", "lenet+svm", "alexnet-cifar") if frozen else ("lenet", "alexnet-cifar")
    cells = ComparisonRequest(data="digits", models=models, fractions=tuple(sorted(fractions)), seeds=seeds).cells()
    networks = [cell for cell in cells if kind_of(cell.model).name == "network"]
    left = budget = spare + LEAST_SECONDS * len(networks)
    for place, cell in enumerate(cells):
        if kind_of(cell.model).name == "network":
            seconds = seconds_for(cell, left, cells[place + 1 :])
            assert seconds >= LEAST_SECONDS
            left -= seconds
    assert left >= -1e-6 * budget
    assert frozen or left <= 1e-6 * budget


def test_words_are_kept_and_found_again(tmp_path: Path) -> None:
    words = comparison_request("café pictures", 8, models="lenet+svm,hog-svm", fractions="0.1,1", seeds=3, budget="20m")
    path = tmp_path / "comparison.json"
    assert load_comparison_request(path) is None
    save_comparison_request(words, path)
    assert load_comparison_request(path) == words


def test_differences_are_named() -> None:
    words = comparison_request("digits", 8, models="lenet,hog-svm", fractions="0.1,1")
    other = comparison_request("photos", 8, models="lenet", fractions="0.5", budget="5m")
    assert differences(words, other) == [
        "data: digits / photos",
        "models: lenet,hog-svm / lenet",
        "fractions: 0.1,1 / 0.5",
        "budget: none / 5m",
    ]
    assert differences(words, words) == []


@pytest.mark.parametrize("change", ['"seeds": "many"', '"fractions": 3', '"models": [1]'])
def test_damaged_words(tmp_path: Path, change: str) -> None:
    path = tmp_path / "comparison.json"
    save_comparison_request(comparison_request("digits", 8), path)
    path.write_text(path.read_text("utf-8").rstrip().removesuffix("}") + f", {change}}}", "utf-8")
    with pytest.raises(BadRun, match=r"comparison.json is damaged"):
        load_comparison_request(path)
    path.write_text("{}", "utf-8")
    with pytest.raises(BadRun, match="it lacks data"):
        load_comparison_request(path)
