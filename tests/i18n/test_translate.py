"""The table of messages: complete in every language, with the same fields, and nothing in it that no one says."""

import re
from pathlib import Path
from typing import get_args

import pytest

from alexnet.comparison.report import sections as comparison
from alexnet.errors import AlexNetError
from alexnet.explanations.attribution import METHODS
from alexnet.explanations.parts import PARTS
from alexnet.explanations.parts.concepts import CONCEPTS
from alexnet.i18n.phrases import REASONS, PageWords
from alexnet.i18n.translate import LANGUAGES, fields_of, language_of, say, table, values_in
from alexnet.models.registry import default_model
from alexnet.runs.report import sections as run
from alexnet.runs.tried import WhyNot
from alexnet.studies.registry import STUDIES

SOURCE = Path(__file__).resolve().parents[2] / "src" / "alexnet"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_message_is_there_in_every_language_with_the_same_fields() -> None:
    messages = table()
    assert messages
    assert {name: sorted(texts) for name, texts in messages.items() if sorted(texts) != sorted(LANGUAGES)} == {}
    assert {name: texts for name, texts in messages.items() if not all(text.strip() for text in texts.values())} == {}
    assert {name: texts for name, texts in messages.items() if len({frozenset(fields_of(text)) for text in texts.values()}) != 1} == {}
    assert {name: texts["en"] for name, texts in messages.items() if CHINESE.search(texts["en"])} == {}


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(AlexNetError, match="'fr'; --lang can be en, zh"):
        language_of("fr")


def test_every_message_is_said_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*") if path.suffix in {".py", ".j2"})
    parts = {name: name.partition(".")[2] for name in table() if not name.startswith("claims.")}
    named = [("report", section.name) for section in run.SECTIONS]
    named += [(section.messages, section.name) for section in comparison.SECTIONS]
    named += [("explain", part.name) for part in PARTS] + [("explain", "left_out")]
    code += " ".join(f"explain.concept_{name.replace('-', '_')}" for name in CONCEPTS)
    code += " ".join(f"explain.{name}" for name in ("unlike_shuffled", "unlike_digits", "filters_orientation", "filters_colour"))
    code += " ".join(f"explain.method_{method.name}" for method in METHODS)
    code += " ".join(f"report.why_{name}" for name in get_args(WhyNot))
    code += " ".join(f"{file}.{part}_{name}" for file, name in named for part in ("title", "contents"))
    assert not [name for name, part in parts.items() if name not in code and part not in code]


def test_claims_have_the_messages_of_the_studies_and_no_other() -> None:
    studies = STUDIES.values()
    needed = {f"claims.{study.claim}-{part}" for study in studies for part in ("question", "claim")}
    needed |= {f"claims.arm-{arm.name}" for study in studies for arm in study.arms}
    needed |= {f"claims.fair-{arm.fair}" for study in studies for arm in study.arms}
    needed |= {f"claims.published-{one.name}" for study in studies for one in study.published}
    needed |= {f"claims.setting-{one.setting}" for study in studies for one in study.published}
    assert needed == {name for name in table() if name.startswith("claims.")}


def test_fields_are_filled_in() -> None:
    some = next(name for name, texts in table().items() if fields_of(texts["en"]))
    values = dict.fromkeys(fields_of(table()[some]["en"]), "Q7Q")
    for lang in LANGUAGES:
        assert "Q7Q" in say(some, lang, **values)


def test_a_sentence_is_known_by_its_words_and_keeps_its_values() -> None:
    text = "This model was chosen because the pictures are 28 px, and AlexNet's first layers would leave nothing of them."
    assert values_in(text, "report.reason_small") == {"side": "28"}
    assert values_in(text, "report.reason_large") is None
    assert values_in(text + " And more.", "report.reason_small") is None
    assert PageWords("zh").retold(text, REASONS).endswith("28 像素，AlexNet 的前几层会把它们缩得什么也不剩。")  # noqa: RUF001 - Chinese punctuation
    assert PageWords("en").retold(text, REASONS) == text
    assert PageWords("zh").retold("Somebody's own words.", REASONS) == "Somebody's own words."


@pytest.mark.parametrize("side", [28, 256])
def test_the_reasons_of_the_program_are_known(side: int) -> None:
    for reason in ("it was requested", "the recipe file specifies it", default_model(side)[1]):
        assert CHINESE.search(PageWords("zh").retold(f"This model was chosen because {reason}.", REASONS)), reason
