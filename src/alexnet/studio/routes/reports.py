"""The pages of runs, comparisons, studies and explanations, in the reader's language; scripts in them are ours or do not run."""

import mimetypes
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import LANGUAGES, Lang
from alexnet.pages.html import HTML_LANGUAGES, script_digest
from alexnet.storage.regular_files import read_regular
from alexnet.studio.page import language
from alexnet.studio.refusal import Refusal
from alexnet.studio.studio import Studio

PAGE = "report.html"
START_BYTES = 200  # of a page, in which it says its language
SCRIPTS = " ".join(f"'sha256-{script_digest(lang)}'" for lang in LANGUAGES)
POLICY = (
    f"default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'; script-src {SCRIPTS}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
FILES = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"  # what is beside a page


def report_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/folders/{run}")

    @routes.get("/report.html")
    def report(run: str, request: Request) -> HTMLResponse:
        return _page(studio.workspace.run(run), language(request))

    @routes.get("/explanation/{file}")
    def explanation(run: str, file: str, request: Request) -> Response:
        folder = studio.workspace.run(run) / "explanation"
        if not folder.is_dir() or file not in {path.name for path in folder.iterdir()}:
            raise Refusal("no_file", 404, name=file)
        if file == PAGE:
            return _page(folder, language(request))
        kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
        try:
            return Response(read_regular(folder / file), media_type=kind, headers={"Content-Security-Policy": FILES})
        except OSError:
            raise Refusal("no_file", 404, name=file) from None

    return routes


def _page(folder: Path, lang: Lang) -> HTMLResponse:
    """The page of a folder: as its file is, or rendered again if that is in another language and it can be."""
    written = _written(folder)
    if f'<html lang="{HTML_LANGUAGES[lang]}">'.encode() not in written[:START_BYTES]:
        written = _rendered(folder, lang) or written
    if not written:
        raise Refusal("no_report", 404, name=folder.name)
    return HTMLResponse(written, headers={"Content-Security-Policy": POLICY})


def _written(folder: Path) -> bytes:
    try:
        return read_regular(folder / PAGE)
    except OSError:
        return b""


def _rendered(folder: Path, lang: Lang) -> bytes:
    """The page in a language; empty if the folder does not hold what it is rendered from."""
    from alexnet import reports  # imports Matplotlib

    kind = next((kind for kind in reports.KINDS if (folder / kind.mark).is_file()), None)
    with suppress(AlexNetError):
        return b"" if kind is None else kind.page(folder, lang).encode("utf-8", "replace")
    return b""
