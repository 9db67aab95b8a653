"""The page at `/` and its files: no build step, no request to a third party."""

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from alexnet.i18n.translate import Lang, say, table
from alexnet.pages.html import environment_of

if TYPE_CHECKING:
    from alexnet.serve.service import Service

KINDS = {".js": "text/javascript", ".css": "text/css"}


def page_routes(service: "Service") -> APIRouter:
    """The routes, for this service."""
    routes = APIRouter(include_in_schema=False)
    limits = service.limits

    @routes.get("/")
    async def page(request: Request, lang: str | None = None) -> HTMLResponse:
        chosen = chosen_language(lang, request.headers.get("accept-language", ""))
        texts = {name.removeprefix("serve."): say(name, chosen) for name in table() if name.startswith("serve.")}
        values = {"models": list(service.models.by_name), "texts": json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")}
        template = environment_of(chosen).get_template("serve/page.html.j2")
        return HTMLResponse(template.render(**values, most_bytes=limits.body_bytes))

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        content = static_files().get(name)
        if content is None:
            raise HTTPException(404, "There is no such file.")
        return Response(content, media_type=KINDS[name[name.rindex(".") :]], headers={"Cache-Control": "no-cache"})

    return routes


def chosen_language(asked: str | None, accepted: str) -> Lang:
    """The language that the address asks for, or the first that the browser names and there are messages in."""
    for word in (asked or "", *accepted.split(",")):
        match word.strip().lower()[:2]:
            case "zh":
                return "zh"
            case "en":
                return "en"
    return "en"


@cache
def static_files() -> dict[str, str]:
    """Name to content of every file; only these names exist, so no name can lead elsewhere."""
    found = {file.name: file.read_text("utf-8") for file in files("alexnet.serve").joinpath("static").iterdir()}
    styles = {"page.css": "page.css.j2", "classify.css": "classify.css"}
    return {**{name: environment_of("en").get_template(source).render() for name, source in styles.items()}, **found}
