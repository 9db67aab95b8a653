"""The table of messages: complete in every language, with the same fields, and nothing in it that no one says."""

import re
from dataclasses import fields
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
from alexnet.lecture.outline import SECTIONS
from alexnet.lecture.questions import QUESTIONS, AnsweredBy
from alexnet.models.networks.architecture import Architecture
from alexnet.models.registry import ARCHITECTURES, default_model
from alexnet.models.summary import summarise
from alexnet.runs.report import sections as run
from alexnet.runs.tried import WhyNot
from alexnet.studies.claim import Extent, Measure
from alexnet.studies.findings import Reason
from alexnet.studies.measurements import shipped_results
from alexnet.studies.registry import STUDIES
from alexnet.studies.report.layer_plots import KINDS
from alexnet.studies.report.lecture.claim_box import STYLES
from alexnet.studies.report.lecture.control_drawings import PLACES as CONTROLS
from alexnet.studies.report.lecture.published_drawings import GROWTH, RUNS

LECTURE = [
    *(f"lecture.{kind}-{one.name}" for one in SECTIONS for kind in ("section", "short", "text")),
    *(f"lecture.{kind}-{one.number}" for one in QUESTIONS for kind in ("question", "answer")),
    *(f"lecture.{kind}_{word}" for word in STYLES for kind in ("verdict", "legend", "tally")),
    *(f"lecture.reason_{reason}" for reason in get_args(Reason)),
    *(f"lecture.by_{kind}" for kind in get_args(AnsweredBy)),
    *(f"lecture.row-memory-{name}" for name in ("weights", "gradients", "momentum", "outputs", "gpu")),
    *(f"lecture.row-{quantity}-{kind}" for quantity in ("parameters", "macs") for kind in ("conv", "full")),
    *(f"lecture.head_{measure}" for measure in get_args(Measure)),
    *(f"lecture.row-run-{name}" for name, *_ in RUNS),
    *(f"lecture.row-shift-{side}" for side in ("left", "right")),
    *(f"lecture.row-{data}" for data in CONTROLS),
    *(f"lecture.row-{one.name}" for results in shipped_results().values() for one in results),
    *(f"lecture.line-{name}" for name in GROWTH),
    *(f"lecture.head_{name}" for name in ("study", "claims", "seeds", "train", "judged", "minutes", "scale")),
]
STUDY = [
    *(f"study.{kind}_{reason.replace('-', '_')}" for reason in get_args(Reason) for kind in ("short", "why")),
    *(f"study.why_{name}" for name in ("overfits", "fits", "epochs")),
    *(f"study.{kind}_{measure}" for measure in get_args(Measure) for kind in ("axis", "head_against", "line")),
    *(f"study.line_{kind}_{way}" for kind in ("error", "shifts", "probes") for way in ("less", "more")),
    *(f"study.plot_{kind}" for kind in KINDS),
    *(f"study.left_out_{extent}" for extent in get_args(Extent)),
]
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


def beginnings(name: str) -> set[str]:
    """Of studio.way_model_more: way_ and way_model_."""
    part = name.partition(".")[2]
    return {part[: place + 1] for place, letter in enumerate(part) if letter == "_"}


def test_every_message_is_said_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*") if path.suffix in {".py", ".j2", ".js", ".html"})
    parts = {name: name.partition(".")[2] for name in table() if not name.startswith(("claims.", "errors."))}
    named = [("report", section.name) for section in run.SECTIONS]
    named += [(section.messages, section.name) for section in comparison.SECTIONS]
    named += [("explain", part.name) for part in PARTS] + [("explain", "left_out")]
    code += " ".join(f"explain.concept_{name.replace('-', '_')}" for name in CONCEPTS)
    code += " ".join(f"explain.{name}" for name in ("unlike_shuffled", "unlike_digits", "filters_orientation", "filters_colour"))
    code += " ".join(f"explain.method_{method.name}" for method in METHODS)
    code += " ".join(f"report.why_{name}" for name in get_args(WhyNot))
    code += " ".join([*LECTURE, *STUDY])
    code += " ".join(f"report.{name}_balanced" for name in ("chosen", "chosen_either", "chosen_alone", "trial_name", "trial_name_gamma"))
    code += " ".join(f"summary.title_{name}" for name in ARCHITECTURES)
    code += " ".join(f"summary.field_{field.name}" for field in fields(Architecture))
    kinds = {layer.kind for one in summarise([], classes=None, image_size=None, channels=None) for layer in one.layers}
    kinds |= {"dropout", "weights"}  # of options; of other libraries
    code += " ".join(f"summary.kind_{kind.replace(' ', '_')}" for kind in kinds)
    code += " ".join(f"{file}.{part}_{name}" for file, name in named for part in ("title", "contents"))
    joined = set(re.findall(r"(\w+_)\$?\{", code))  # beginnings to which the studio's scripts add a name: problem_${...}
    left = [name for name, part in parts.items() if name not in code and part not in code]
    assert not [name for name in left if not (name.startswith("studio.") and beginnings(name) & joined)]


def test_claims_have_the_messages_of_the_studies_and_no_other() -> None:
    studies = STUDIES.values()
    needed = {f"claims.{study.claim}-{part}" for study in studies for part in ("question", "claim")}
    needed |= {f"claims.arm-{arm.name}" for study in studies for arm in study.arms}
    needed |= {f"claims.fair-{arm.fair}" for study in studies for arm in study.arms}
    needed |= {f"claims.published-{one.name}" for study in studies for one in study.published}
    needed |= {f"claims.setting-{one.setting}" for study in studies for one in study.published}
    needed |= {"claims.patient", "claims.fair-patient"}  # of arms that have the epochs that they need
    optional = {f"claims.{study.claim}-use" for study in studies}  # what to do with a result
    found = {name for name in table() if name.startswith("claims.")}
    assert needed <= found <= needed | optional


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
