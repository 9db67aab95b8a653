"""What there is and what is going on: runs, comparisons and studies, and the queue."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from alexnet.studio.queue import ENDED
from alexnet.studio.runs import rows
from alexnet.studio.studio import Studio


def overview_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api")
    queue = studio.queue

    @routes.get("/overview")
    def overview() -> dict[str, Any]:
        return {"rows": [asdict(row) for row in rows(studio.workspace, queue)], "jobs": shown_jobs(studio)}

    @routes.get("/queue")
    def waiting() -> list[dict[str, Any]]:
        return shown_jobs(studio, open_only=True)

    @routes.post("/jobs/{number}/stop")
    def stop(number: int) -> dict[str, Any]:
        queue.cancel(queue.find(number))
        return {}

    return routes


def shown_jobs(studio: Studio, *, open_only: bool = False) -> list[dict[str, Any]]:
    """The jobs of the queue as the page shows them; open: those that wait or run."""
    found = [(job, job.state()) for job in studio.queue.jobs() if job.request.kind != "serve"]
    return [{"number": job.number, **asdict(job.request), "state": state} for job, state in found if not open_only or state not in ENDED]
