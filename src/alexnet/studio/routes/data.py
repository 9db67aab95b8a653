"""Data sets: their names, classes, images and findings."""

from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Request

from alexnet.studio import bin as waste
from alexnet.studio.datasets import DataSet, Split, listing
from alexnet.studio.page import language
from alexnet.studio.sizes import counts_by_split, sizes_of
from alexnet.studio.studio import Studio


@dataclass(frozen=True, slots=True)
class Named:
    """A name that somebody has chosen."""

    name: str


def data_routes(studio: Studio) -> APIRouter:
    """The routes, for this studio."""
    routes = APIRouter(prefix="/api/data")
    sets = studio.data_sets

    @routes.get("")
    def all_sets() -> list[dict[str, Any]]:
        return [{"name": name, "counts": sets.find(name).counts()} for name in sets.names()]

    @routes.post("", status_code=201)
    def create(wanted: Named) -> dict[str, Any]:
        return {"name": sets.create(wanted.name).name}

    @routes.get("/{name}")
    def one(name: str, request: Request) -> dict[str, Any]:
        return described(studio, sets.find(name), request)

    @routes.get("/{name}/findings")
    def findings(name: str, request: Request, asked: bool = False) -> dict[str, Any]:
        found = studio.findings.of(sets.find(name), asked=asked)
        if found is None:
            return {"unasked": True}
        return found.to_json(language(request))

    @routes.get("/{name}/images")
    def images(name: str, class_name: str, split: Split = None, first: int = 0, count: int = 60) -> dict[str, Any]:
        names = listing(sets.find(name).folder(class_name, split))
        most = min(max(count, 1), studio.limits.page_images)
        return {"n": len(names), "files": names[max(first, 0) : max(first, 0) + most]}

    @routes.post("/{name}/classes", status_code=201)
    def add_class(name: str, wanted: Named) -> dict[str, Any]:
        with studio.data_sets.changing:
            return {"name": sets.find(name).add_class(wanted.name)}

    return routes


def described(studio: Studio, data: DataSet, request: Request) -> dict[str, Any]:
    """A data set as the page shows it."""
    return {
        "name": data.name,
        "path": str(data.path),
        "counts": data.counts(),
        "splits": list(data.splits),
        "fixed": data.is_fixed,
        "sizes": asdict(sizes_of(counts_by_split(data))),
        "bin": waste.summary(data),
        "arriving": studio.arrivals.of(data.name, language(request)),
    }
