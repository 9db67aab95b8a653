"""The target `web`: a folder with one page that classifies images in the browser, offline, by onnxruntime-web."""

import json
from importlib.resources import files
from pathlib import Path
from typing import get_args

from alexnet.exports.check import Check
from alexnet.exports.onnx_target import onnx_content
from alexnet.exports.request import Job
from alexnet.exports.web_runtime import FILES, PACKAGE, VERSION, runtime_files
from alexnet.i18n.translate import Lang, say, table
from alexnet.inference.exported import ExportRecord
from alexnet.pages.html import environment_of
from alexnet.storage.files import write_atomically, writing

PREFIX = "web."  # of the page's messages
NOTICE = f"""ort.js, ort-wasm.js and ort.wasm are {PACKAGE} {VERSION}, https://www.npmjs.com/package/{PACKAGE}, MIT licence,
copyright Microsoft Corporation. Only their names were changed:
{"".join(f"{name} is {member}{chr(10)}" for name, member in FILES.items())}"""


def write_web(job: Job, path: Path) -> Check:
    """Write the page, its scripts, model.onnx and model.json, and the runtime; any web server can serve the folder."""
    assert job.runtime is not None
    content, checked = onnx_content(job)
    with writing(path):
        path.mkdir()
    write_atomically(path / "model.onnx", content)
    write_atomically(path / "model.json", json.dumps(described(job.record()), ensure_ascii=False))
    for name, text in page_files().items():
        write_atomically(path / name, text)
    for name, binary in runtime_files(job.runtime).items():
        write_atomically(path / name, binary)
    write_atomically(path / "NOTICE.txt", NOTICE)
    return checked


def described(record: ExportRecord) -> dict[str, object]:
    """What the page's script needs to know, and its messages in both languages."""
    names = [name for name in table() if name.startswith(PREFIX)]
    return {
        "model": record.model,
        "classes": record.classes,
        "image_size": record.image_size,
        "stored_size": record.stored_size,
        "fit": record.fit,
        "validation_error": record.scores.get("validation_error"),
        "texts": {lang: {name.removeprefix(PREFIX): say(name, lang) for name in names} for lang in ("en", "zh")},
    }


def _in_both(name: str) -> list[tuple[str, str]]:
    """A message of the page in each language."""
    return [(lang, say(PREFIX + name, lang)) for lang in get_args(Lang)]


def page_files() -> dict[str, str]:
    """Name to text of the page, its styles and its scripts."""
    environment = environment_of("en")
    own = {file.name: file.read_text("utf-8") for file in files("alexnet.exports").joinpath("web").iterdir()}
    page = environment.get_template("web/page.html.j2").render(both=_in_both)
    styles = {"page.css": "page.css.j2", "classify.css": "classify.css"}
    return {"index.html": page, **{name: environment.get_template(source).render() for name, source in styles.items()}, **own}
