"""The documentation against the code: verbs, options, JSON keys, numbers, recipes, files, links."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.studies.invented import report as invented_study

from alexnet.cli.app import app
from alexnet.comparison.recommendation import Choice
from alexnet.comparison.request import ComparisonRequest
from alexnet.comparison.results import Comparison
from alexnet.data.curation.inspection import inspect
from alexnet.data.dataset import Traits
from alexnet.data.open import open_dataset
from alexnet.data.packs.writer import PackSummary
from alexnet.evaluation.evaluate import summarise
from alexnet.explanations.explain import Explanation
from alexnet.exports.export import Export
from alexnet.inference.prediction import Prediction
from alexnet.models.networks.architecture import NetworkChoices, vary
from alexnet.models.networks.shapes import Layer, trace
from alexnet.models.registry import ARCHITECTURES, find_architecture
from alexnet.models.summary import summarise as summarise_networks
from alexnet.recipes.named import RECIPES
from alexnet.recipes.overrides import field_names, with_overrides
from alexnet.recipes.recipe import Recipe
from alexnet.recipes.subject import Subject
from alexnet.runs.folder import RunFolder
from alexnet.runs.result import Result
from alexnet.studies.lecture_page import LecturePage

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
COLOUR, GRAY = Traits(flip=True, colour=True), Traits(flip=True, colour=False, gray=True)
RECIPE_TABLES = {
    "alexnet, photos": [(name, "alexnet", COLOUR, 300) for name in ("paper", "lecture", "quick")],
    "convnet-small, by the side of the images": [
        ("paper", "convnet-small", COLOUR, 32),
        *(("quick", "convnet-small", COLOUR, side) for side in (32, 64, 96, 128)),
    ],
    "small": [
        ("paper", "alexnet-cifar", COLOUR, 32),
        ("quick", "alexnet-cifar", COLOUR, 32),
        ("quick", "alexnet-cifar-fast", COLOUR, 32),
        ("lecture", "lenet", GRAY, 28),
        ("quick", "lenet", GRAY, 28),
    ],
}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(table: str) -> Iterator[list[str]]:
    """The cells of each row of Markdown tables, without heads' rules."""
    for line in table.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def sections(text: str) -> dict[str, str]:
    """The sections of commands.md by verb."""
    parts = re.split(r"^## alexnet (\w+)$", text, flags=re.MULTILINE)
    return {verb: re.split(r"^## ", body, flags=re.MULTILINE)[0] for verb, body in zip(parts[1::2], parts[2::2], strict=True)}


def verbs() -> list[str]:
    return [name for name in app if not name.startswith("-")]


def documented_keys(section: str) -> set[str]:
    """The code words of the paragraph of JSON keys, those of nested objects in parentheses left out."""
    paragraph = section.split("JSON keys:", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", paragraph)))


def test_every_verb_is_documented_and_no_other() -> None:
    assert sorted(sections(page("commands.md"))) == sorted(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_options_are_those_of_the_program(verb: str) -> None:
    documented = {cells[0].strip("`") for cells in rows(sections(page("commands.md"))[verb]) if cells[0].startswith("`--")}
    arguments = [one for one in app[verb].assemble_argument_collection() if one.parameter.show is not False]
    assert documented == {name for one in arguments for name in one.names if name.startswith("-")}


def packed_nothing() -> PackSummary:
    return PackSummary(
        out="x.zip",
        n=0,
        copied=0,
        skipped=(),
        skipped_file=None,
        classes=0,
        splits={},
        bytes=0,
        seconds=0.0,
        resumed=0,
        size=256,
        quality=90,
    )


def json_objects(digits_folder: Path) -> dict[str, set[str]]:
    """The keys that each verb really prints."""
    one = np.full((1, 2), 0.5, np.float32)
    evaluation = summarise(
        one, np.zeros(1, np.int64), np.zeros(1, np.int64), ("a", "b"), view="centre", views_per_image=1, seconds=0.0
    ).to_json()
    network = summarise_networks(["lenet"], classes=None, image_size=None, channels=None)[0].to_json()
    comparison = Comparison(
        request=ComparisonRequest(data="x", models=("lenet",)),
        dataset="x",
        classes=2,
        run="",
        report="",
        command="",
        split="test",
        cells=(),
        systems=(),
        pairs=(),
        crossings=(),
        arms=(),
        choice=Choice(model="lenet", reason=""),
    )
    return {
        "train": {field.name for field in fields(Result)},
        "compare": set(comparison.to_json()),
        "evaluate": set(evaluation),
        "export": {field.name for field in fields(Export)},
        "predict": {"predictions", *Prediction("x.png", ()).to_json()},
        "explain": set(Explanation(page="report.html", parts=()).to_json()),
        "study": set(invented_study().to_json()),
        "lecture": set(LecturePage(page="lecture.html", questions=()).to_json()),
        "summary": {"models", "lecture", "variants", *network},
        "inspect": set(inspect(open_dataset(digits_folder)).to_json()),
        "pack": set(packed_nothing().to_json()),
    }


def test_json_keys_are_those_of_the_program(digits_folder: Path) -> None:
    documented = {verb: documented_keys(section) for verb, section in sections(page("commands.md")).items() if "JSON keys:" in section}
    assert documented == json_objects(digits_folder)


def layers_of_row(cells: list[str]) -> tuple[Layer, ...]:
    model, change, sizes, classes = cells[:4]
    channels, side = map(int, sizes.split(" x "))
    recipe = Recipe(name="quick", data="x", model=model.strip("`"))
    if change:
        name, value = change.strip("`").split()
        recipe = with_overrides(recipe, {name: value})
    architecture = vary(find_architecture(recipe.model), recipe.network)
    return trace(architecture, classes=int(classes.replace(",", "")), channels=channels, image_size=side)


def number_rows() -> list[list[str]]:
    table = page("networks.md").split("## Numbers", 1)[1].split("\n## ", 1)[0]
    return [cells for cells in rows(table) if cells[0].startswith("`")]


@pytest.mark.parametrize("cells", number_rows(), ids=lambda cells: " ".join(cells[:4]))
def test_numbers_of_networks(cells: list[str]) -> None:
    layers = layers_of_row(cells)
    full = sum(layer.parameters for layer in layers if layer.kind == "fully connected")
    total = sum(layer.parameters for layer in layers)
    counted = [total, sum(layer.macs for layer in layers), total - full, full]
    assert [int(cell.replace(",", "")) for cell in cells[4:]] == counted


def test_every_network_has_its_numbers() -> None:
    assert {cells[0].strip("`") for cells in number_rows()} == set(ARCHITECTURES)


def test_every_choice_is_named() -> None:
    words = set(re.findall(r"`(?:--network\.)?([\w-]+)`", page("networks.md")))
    assert {field.name.replace("_", "-") for field in fields(NetworkChoices)} <= words


def shown(value: object) -> str:
    match value:
        case None:
            return "the table's"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    return str(value)


def recipe_rows(columns: list[tuple[str, str, Traits, int]]) -> list[list[str]]:
    """The fields in which the recipes of a table differ from each other, or all from the defaults."""
    recipes = [RECIPES[name](Subject("x", find_architecture(model), traits, side, 60_000)) for name, model, traits, side in columns]
    start = Recipe(name="", data="", model="")
    table = []
    for name in field_names(Recipe):
        values = [_leaf(asdict(recipe), name) for recipe in recipes]
        if name not in ("name", "data", "model") and any(value != _leaf(asdict(start), name) for value in values):
            table.append([f"`{name.replace('_', '-')}`", *map(shown, values)])
    return table


def _leaf(values: dict[str, Any], dotted: str) -> object:
    for part in dotted.split("."):
        values = values[part]
    return values


@pytest.mark.parametrize("title", RECIPE_TABLES)
def test_recipes_are_those_of_the_program(title: str) -> None:
    table = page("networks.md").split(f"<!-- recipes: {title} -->", 1)[1].split("\n\n", 1)[0]
    documented = [cells for cells in rows(table) if cells[0].startswith("`")]
    right = recipe_rows(RECIPE_TABLES[title])
    assert documented == right, "in docs/networks.md:\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in right)


def test_layers_are_those_of_import_linter() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"][0]
    drawn = page("architecture.md").split("## Layers", 1)[1].split("```")[1].removeprefix("text\n").split("\n")
    assert [line for line in drawn if line] == [re.sub("[()]", "", layer) for layer in contract["layers"]]


def test_every_module_is_described() -> None:
    table = page("architecture.md").split("## Modules", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"[\w]+", " ".join(cells[0] for cells in rows(table))))
    modules = {path.stem for path in (ROOT / "src" / "alexnet").rglob("*.py") if not path.stem.startswith("__")}
    assert modules <= named
    packages = {path.parent.name for path in (ROOT / "src" / "alexnet").rglob("__init__.py")}
    assert named - modules <= packages | {"module", "templates"}


def test_run_folder_is_listed() -> None:
    table = page("architecture.md").split("## A run folder", 1)[1].split("\n## ", 1)[0]
    documented = {cells[0].strip("`").split("/")[0] for cells in rows(table) if cells[0].startswith("`")}
    folder = RunFolder(Path("run"))
    real = {path.name for path in vars(folder).values() if isinstance(path, Path) and path != folder.path}
    assert documented == real | {"tensorboard"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_readme_shows_only_figures_that_results_hold() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- results -->", 1)[1].split("\n## ", 1)[0]
    measured = page("results.md")
    figures = [figure for cells in rows(table) for figure in re.findall(r"\d+\.\d+", " ".join(cells))]
    assert [figure for figure in figures if figure not in measured] == []
