"""Rendering a template to one self-contained HTML file. Independent of runs, comparisons and studies."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from alexnet.errors import BadRun
from alexnet.i18n.phrases import PageWords, share, size
from alexnet.i18n.places import data_name, without_home
from alexnet.i18n.translate import Lang, say
from alexnet.i18n.units import MISSING, count, percent, readable, short
from alexnet.pages.bars import bar
from alexnet.pages.palette import COLOURS
from alexnet.storage.files import write_atomically, writing

HTML_LANGUAGES: dict[Lang, str] = {"en": "en", "zh": "zh-Hans"}


# The page works without it: the script itself creates the button.
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


def write_page(page: str, out: Path) -> None:
    """Write a page to `out`, completely or not at all, and create missing folders. Raises BadRun if `out` is a folder."""
    if out.is_dir():
        raise BadRun(f"{out} is a folder, but the report is a file. Choose a file name, for example {out / 'report.html'}.")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page.encode("utf-8", "replace"))  # file names may hold bytes that are not text


def rendered(template: str, lang: Lang, **values: object) -> str:
    """A template rendered with `values`, in a language's texts and number formats."""
    script = Markup(copy_script(lang))  # our own text
    return environment_of(lang).get_template(template).render(script=script, script_digest=script_digest(lang), **values).strip()


def copy_script(lang: Lang) -> str:
    """The only script of a page."""
    script = COPY_SCRIPT
    for placeholder, name in (("COPY;", "report.copy"), ("COPIED;", "report.copied")):
        script = script.replace(placeholder, f"{json.dumps(say(name, lang), ensure_ascii=False)};")
    return script


def script_digest(lang: Lang) -> str:
    """The SHA-256 of that script in base64, by which a content security policy allows it and no other."""
    return base64.b64encode(hashlib.sha256(copy_script(lang).encode()).digest()).decode()


@cache
def environment_of(lang: Lang) -> Environment:
    """The templates, compiled once, with the filters that all pages share."""
    words = PageWords(lang)
    environment = Environment(
        loader=PackageLoader("alexnet.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(percent=percent, count=count, readable=readable, short=short, bar=bar, size=size, share=share)
    environment.filters.update(data_name=data_name, without_home=without_home)
    environment.filters.update(certainty=words.certainty, duration=words.duration, number=words.number)
    environment.globals.update(colours=COLOURS, missing=MISSING, say=words.say, words=words, html_lang=HTML_LANGUAGES[lang])
    return environment
