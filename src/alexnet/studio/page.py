"""The page at `/` and its files: no build step, no request to a third party."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alexnet.i18n.translate import Lang, table
from alexnet.pages.html import environment_of
from alexnet.serve.page import KINDS, chosen_language
from alexnet.studio.refusal import Refusal
from alexnet.studio.studio import Studio

STEPS = ("data", "train", "compare", "try", "take")  # the views of the navigation


def page_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter()

    @routes.get("/")
    async def page(request: Request) -> HTMLResponse:
        lang = language(request)
        texts = {name.removeprefix("studio."): say_raw(name, lang) for name in table() if name.startswith("studio.")}
        values = {"texts": json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"), "steps": STEPS}
        template = environment_of(lang).get_template("studio/page.html.j2")
        answer = HTMLResponse(template.render(**values, place=shown_place(studio.workspace.path)))
        if (asked := request.query_params.get("lang")) in ("en", "zh"):
            answer.set_cookie("alexnet-studio-lang", asked, samesite="strict", httponly=True, max_age=365 * 24 * 3600)
        return answer

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        content = static_files().get(name)
        if content is None:
            raise Refusal("no_file", 404, name=name)
        return Response(content, media_type=KINDS[name[name.rindex(".") :]], headers={"Cache-Control": "no-cache"})

    return routes


def shown_place(path: Path) -> str:
    """A folder as people know it: ~ is their own."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def language(request: Request) -> Lang:
    """The language that a request asks for: in its address, in the cookie of an earlier choice, or as the browser does."""
    asked = request.query_params.get("lang") or request.cookies.get("alexnet-studio-lang")
    return chosen_language(asked, request.headers.get("accept-language", ""))


def say_raw(name: str, lang: Lang) -> str:
    """A message with its {fields} as they are: the page fills them in."""
    return table()[name][lang]


@cache
def static_files() -> dict[str, str]:
    """Name to content of every file; only these names exist, so no name can lead elsewhere."""
    found = {file.name: file.read_text("utf-8") for file in files("alexnet.studio").joinpath("static").iterdir()}
    return {"page.css": environment_of("en").get_template("page.css.j2").render(), **found}
