"""Finished runs to take away: exports, the whole folder, a service."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from alexnet.runs.folder import RunFolder
from alexnet.studio.page import language
from alexnet.studio.queue import ENDED
from alexnet.studio.refusal import Refusal
from alexnet.studio.runs import log_in
from alexnet.studio.studio import Studio
from alexnet.studio.takeaway import check_target, offers, service_link, zipped


@dataclass(frozen=True, slots=True)
class Form:
    """A form to take a model away in."""

    target: str
    int8: bool = False


def taking_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/runs/{run}")

    @routes.get("/offers")
    def offered(run: str, request: Request) -> dict[str, Any]:
        finished(studio, run)
        lang = language(request)
        services = [job for job in studio.queue.jobs() if job.request.kind == "serve" and job.request.run == run]
        shown = [
            {"job": job.number, "state": job.state(), "link": service_link(job), "message": log_in(job.log(), lang)}
            for job in services[-1:]
            if job.state() not in ENDED or not job.file("stop").exists()
        ]
        made = [{**offer, "message": log_in(str(offer["message"]), lang)} for offer in offers(run, studio.requests, studio.queue)]
        return {"offers": made, "services": shown}

    @routes.post("/export", status_code=201)
    def export(run: str, form: Form) -> dict[str, Any]:
        finished(studio, run)
        suffix = check_target(form.target, int8=form.int8)
        return {"job": studio.requests.export(run, form.target, suffix, int8=form.int8).number}

    @routes.post("/serve", status_code=201)
    def serve(run: str) -> dict[str, Any]:
        finished(studio, run)
        return {"job": studio.requests.serve(run).number}

    @routes.get("/folder.zip")
    def folder(run: str) -> FileResponse:
        return _download(studio, finished(studio, run))

    @routes.get("/exported/{file}")
    def exported(run: str, file: str) -> FileResponse:
        for offer in offers(run, studio.requests, studio.queue):
            if offer["file"] == file:
                return _download(studio, studio.workspace.exports / file)
        raise Refusal("no_file", 404, name=file)

    return routes


def finished(studio: Studio, run: str) -> Path:
    """The folder of a finished run; raises Refusal for another."""
    path = studio.workspace.run(run)
    if RunFolder(path).finished() is None:
        raise Refusal("not_finished", 409, name=run)
    return path


def _download(studio: Studio, path: Path) -> FileResponse:
    if path.is_file():
        return FileResponse(path, filename=path.name)
    zip_file = zipped(path, studio.workspace, studio.limits)
    return FileResponse(zip_file, filename=f"{path.name}.zip", background=BackgroundTask(partial(zip_file.unlink, missing_ok=True)))
