"""The report of a run: one HTML file that opens anywhere, offline, and shows what was learned.

What the page says is report_view.py, the layout is templates/report.html.j2, the words are messages/report.toml.
Reads no run folder and computes no metric: whoever trained or evaluated fills the RunReport.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from alexnet.errors import BadRun
from alexnet.experiments.plots import bar
from alexnet.experiments.record import RunReport
from alexnet.experiments.report_view import RunView
from alexnet.experiments.report_words import PageWords, share, size
from alexnet.experiments.words import MISSING, count, percent, readable, short
from alexnet.language import Lang, say

HTML_LANGUAGES: dict[Lang, str] = {"en": "en", "zh": "zh-Hans"}

# The page works without it: the button is made by the script itself.
COPY_SCRIPT = """
for (const box of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = COPY;
  button.onclick = () => navigator.clipboard.writeText(box.querySelector("code").textContent).then(() => {
    button.textContent = COPIED;
    setTimeout(() => { button.textContent = COPY; }, 2000);
  });
  box.append(button);
}
"""


def write_report(report: RunReport, out: Path) -> None:
    """Write the page to `out`, whole or not at all; missing folders are made. Raises BadRun if `out` is a folder."""
    write_page(page_of([report]), out)


def write_page(page: str, out: Path) -> None:
    """Write a page to `out`, whole or not at all; missing folders are made. Raises BadRun if `out` is a folder."""
    if out.is_dir():
        raise BadRun(f"{out} is a folder, and the report is one file. Name the file, for example {out / 'report.html'}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(page.encode("utf-8", "replace"))  # file names may hold bytes that are no text
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def page_of(reports: Sequence[RunReport], lang: Lang = "en") -> str:
    """The whole page as HTML; several runs stand one under the other, their anchors prefixed run1-, run2-."""
    words = PageWords(lang)
    runs = [RunView(report, f"run{i}-" if len(reports) > 1 else "", words) for i, report in enumerate(reports, 1)]
    return rendered("report.html.j2", lang, runs=runs)


def rendered(template: str, lang: Lang, **values: object) -> str:
    """One of the templates, filled in with what it shows and the words and figures of a language."""
    script = COPY_SCRIPT
    for stand_in, name in (("COPY;", "report.copy"), ("COPIED;", "report.copied")):
        script = script.replace(stand_in, f"{json.dumps(say(name, lang), ensure_ascii=False)};")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment_of(lang).get_template(template).render(script=Markup(script), script_digest=digest, **values).lstrip()


@cache
def environment_of(lang: Lang) -> Environment:
    """The templates, compiled once, with the filters that all pages share."""
    words = PageWords(lang)
    environment = Environment(loader=PackageLoader("alexnet.experiments"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(percent=percent, count=count, readable=readable, short=short, bar=bar, size=size, share=share)
    environment.filters.update(certainty=words.certainty, duration=words.duration, number=words.number)
    environment.globals.update(missing=MISSING, say=words.say, words=words, html_lang=HTML_LANGUAGES[lang])
    return environment
