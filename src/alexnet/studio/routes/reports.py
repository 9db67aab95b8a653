"""The pages of runs, comparisons, studies and explanations, in the reader's language; scripts in them are ours or do not run."""

import mimetypes
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alexnet.errors import AlexNetError
from alexnet.i18n.translate import LANGUAGES, Lang
from alexnet.pages.html import script_digest
from alexnet.studio.page import language
from alexnet.studio.refusal import Refusal
from alexnet.studio.studio import Studio

PAGE = "report.html"
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
        return Response((folder / file).read_bytes(), media_type=kind, headers={"Content-Security-Policy": FILES})

    return routes


def _page(folder: Path, lang: Lang) -> HTMLResponse:
    """The page of a folder: rendered for the language if it can be, otherwise as its file is."""
    from alexnet import reports  # imports Matplotlib

    headers = {"Content-Security-Policy": POLICY}
    if lang != "en":
        kind = next((kind for kind in reports.KINDS if (folder / kind.mark).is_file()), None)
        if kind is not None:
            with suppress(AlexNetError):
                return HTMLResponse(kind.page(folder, lang), headers=headers)
    try:
        return HTMLResponse((folder / PAGE).read_bytes(), headers=headers)
    except OSError:
        raise Refusal("no_report", 404, name=folder.name) from None
