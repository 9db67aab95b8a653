"""Trainings, comparisons and studies: what can be chosen, the plan, and the start."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request

from alexnet.i18n.translate import say
from alexnet.studio.jobs import Job
from alexnet.studio.page import language
from alexnet.studio.queue import ENDED
from alexnet.studio.requests import Wish
from alexnet.studio.studio import Studio


@dataclass(frozen=True, slots=True)
class StudyWish:
    """One claim of the lecture on a data set; without a claim, a comparison of systems."""

    data: str
    minutes: float
    claim: str = ""


def training_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api")
    requests, queue = studio.requests, studio.queue

    @routes.get("/choices")
    def chosen(request: Request) -> dict[str, Any]:
        from alexnet.studio.choices import choices  # imports what a training does

        return choices(studio.data_sets, language(request))

    @routes.post("/plan")
    def planned(wish: Wish, request: Request) -> dict[str, Any]:
        from alexnet.studio.plan import plan

        busy = [job for job in queue.jobs() if job.state() not in ENDED and job.request.kind != "serve"]
        lang = language(request)
        waits = [say("studio.plan_waits", lang, n=len(busy))] if busy else []
        return {"lines": [*plan(wish, requests, studio.data_sets, lang), *waits]}

    @routes.post("/train", status_code=201)
    def train(wish: Wish) -> dict[str, Any]:
        return _added(requests.train(wish))

    @routes.post("/study", status_code=201)
    def study(wish: StudyWish, request: Request) -> dict[str, Any]:
        if not wish.claim:
            return _added(requests.compare(wish.data, wish.minutes))
        return _added(requests.study(wish.data, wish.claim, wish.minutes, language(request)))

    @routes.post("/runs/{run}/resume", status_code=201)
    def resume(run: str) -> dict[str, Any]:
        return _added(requests.resume(run))

    @routes.post("/runs/{run}/again", status_code=201)
    def again(run: str) -> dict[str, Any]:
        return _added(requests.again(run))

    return routes


def _added(job: Job) -> dict[str, Any]:
    return {"run": job.request.run, "job": job.number}
