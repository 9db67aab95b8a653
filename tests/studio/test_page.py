"""The page's files: small modules, messages that exist in both languages, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from alexnet.i18n.translate import fields_of, table
from alexnet.studio.page import static_files
from alexnet.studio.refusal import Refusal

STUDIO = Path(__file__).parents[2] / "src" / "alexnet" / "studio"
MODULES = {name: text for name, text in static_files().items() if name.endswith(".js")}
MESSAGES = {name.removeprefix("studio."): texts for name, texts in table().items() if name.startswith("studio.")}
SOURCES = "\n".join(path.read_text("utf-8") for path in STUDIO.rglob("*.py"))
FAMILIES = ("kind", "state", "phase", "why", "split", "way", "offer", "col", "step", "correction", "problem")  # names that are put together


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short_and_ask_nobody_else(name: str) -> None:
    assert len(MODULES[name].splitlines()) < 200
    assert re.findall(r"https?://[\w.]+", MODULES[name].replace("http://www.w3.org", "")) == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", MODULES[name])
    for other in re.findall(r'from "\./([\w.]+)"', MODULES[name]):
        assert other in MODULES


def test_every_message_that_is_asked_for_is_there_and_no_other() -> None:
    asked = set(re.findall(r'\bt\("(\w+)"', "\n".join(MODULES.values())))
    asked |= set(re.findall(r'say\("studio\.(\w+)"', SOURCES + (STUDIO.parent / "pages/templates/studio/page.html.j2").read_text("utf-8")))
    asked -= {f"{family}_" for family in FAMILIES}
    assert asked - set(MESSAGES) == set()
    left = {name for name in MESSAGES if name not in asked and not name.startswith(tuple(f"{family}_" for family in FAMILIES))}
    assert left == set()


def test_messages_have_the_same_fields_in_both_languages() -> None:
    assert {name for name, texts in MESSAGES.items() if fields_of(texts["en"]) != fields_of(texts["zh"])} == set()


def test_every_refusal_has_its_message_with_its_fields() -> None:
    raised = re.findall(r'Refusal\(\s*"(\w+)"((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)', SOURCES)
    assert len(raised) > 40
    for name, rest in raised:
        given = set(re.findall(r"(\w+)=", rest))
        assert fields_of(MESSAGES[f"problem_{name}"]["en"]) == given, name
    assert {name for name, _ in raised} == {name.removeprefix("problem_") for name in MESSAGES if name.startswith("problem_")}


def test_a_refusal_is_said_in_both_languages() -> None:
    refusal = Refusal("no_class", 404, name="猫")
    assert (str(refusal), refusal.text("zh")) == ("There is no class '猫'.", "没有名为“猫”的类别。")
