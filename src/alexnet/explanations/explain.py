"""`alexnet explain`: what a finished run has learned, as one page and plain files. Trains nothing; every part is made that can be made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError, BadRun, UnreadableImage
from alexnet.explanations.page import explanation_page
from alexnet.explanations.part import Content, MadePart, Part
from alexnet.explanations.parts import PARTS
from alexnet.explanations.record import FOLDER, PAGE, RECORD, REMEDY, Explained
from alexnet.explanations.subject import NamedImage, Subject
from alexnet.i18n.translate import Lang, language_of
from alexnet.inference.decoding import decoded
from alexnet.inference.inputs import ImageInput, each_image, pending_image
from alexnet.pages.html import write_page
from alexnet.recipes.toml import from_toml
from alexnet.runs.report.page import link_explanation
from alexnet.runtime.arguments import path_from
from alexnet.runtime.events import Listener, Message
from alexnet.runtime.machine import keep_freed_memory, release_freed_memory
from alexnet.runtime.notebook import show_progress
from alexnet.storage.files import read_record, write_atomically
from alexnet.storage.ownership import is_vacant, owned


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What `explain` has made. page: the file; parts: each with its file or the reason why it could not be made."""

    page: str
    parts: tuple[MadePart, ...]
    probes: Sequence[Mapping[str, Any]] = field(default=())
    suspects: Sequence[Mapping[str, Any]] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The keys of `alexnet explain --json`."""
        parts = [{"name": part.name, "file": part.file, "error": part.error} for part in self.parts]
        return {"page": self.page, "parts": parts, "probes": list(self.probes), "suspects": list(self.suspects)}


def explain(
    run: str | Path,
    *images: ImageInput,
    data: str | Path | None = None,
    out: str | Path | None = None,
    lang: Lang = "en",
    device: str = "auto",
    listen: Listener = show_progress,
) -> Explanation:
    """Explain a finished run, and these images, on a page in `out` (by default, the folder `explanation` of the run).

    images: as for `Classifier.predict`; without any, two test images are chosen. data: where the run's images are now, if they have moved.
    A part that cannot be made, because the images are gone, say, has its reason in `parts`; the others are made. Raises BadRun if the run
    has not finished or `out` holds something else.
    """
    keep_freed_memory()
    path, chosen = path_from(run, "The run folder", BadRun), language_of(lang)
    folder = path / FOLDER if out is None else path_from(out, "out", BadRun)
    _check_free(folder)
    subject = Subject(path, data=data, device=device)
    release_freed_memory()  # what the file of the weights took
    subject.images, unreadable = _readable(subject, images)
    made, keys = [], dict[str, Any]()
    record = Explained(run=str(path), model=subject.classifier.model_card.model, dataset=_data_of(subject))
    with owned(folder):
        if not (folder / RECORD).exists():
            _write_record(replace(record, finished=False), folder)  # first: the folder is an explanation from here on
        for part in PARTS:
            listen(Message(f"Explaining: {part.name} ..."))
            done, content = _made(part, subject, folder, unreadable)
            release_freed_memory()
            made.append(done)
            keys |= content.keys if content else {}
        record = replace(record, parts=tuple(made))
        _write_record(record, folder)
        write_page(explanation_page(record, chosen), folder / PAGE)
    if out is None:
        link_explanation(subject.folder, f"{FOLDER}/{PAGE}")
    return Explanation(page=str(folder / PAGE), parts=tuple(made), **keys)


def _check_free(folder: Path) -> None:
    """Raise BadRun rather than write among other files, or over a damaged record."""
    if (folder / RECORD).exists():
        read_record(folder / RECORD, Explained, REMEDY)
    elif not is_vacant(folder):
        raise BadRun(f"{folder} holds something other than an explanation; choose another --out.")


def _write_record(record: Explained, folder: Path) -> None:
    write_atomically(folder / RECORD, json.dumps(asdict(record), ensure_ascii=False))


def _readable(subject: Subject, images: Sequence[ImageInput]) -> tuple[tuple[NamedImage, ...], list[UnreadableImage]]:
    """The images at the stored size, and those that cannot be read."""
    found, unreadable = [], []
    for number, image in enumerate((one for each in images for one in each_image(each)), start=1):
        pending = pending_image(image, number)
        try:
            found.append(NamedImage(name=pending.name, pixels=subject.classifier.fitted(decoded(pending))))
        except UnreadableImage as problem:
            unreadable.append(problem)
    return tuple(found), unreadable


def _made(part: Part, subject: Subject, folder: Path, unreadable: Sequence[UnreadableImage]) -> tuple[MadePart, Content | None]:
    """One part, its files written; a mistake of the user becomes its error."""
    try:
        if unreadable and not subject.images and part.name in ("images", "cells"):
            raise unreadable[0]
        content = part.make(subject)
    except AlexNetError as problem:
        return MadePart(name=part.name, error=str(problem)), None
    names = list(_written(content, folder))
    values = dict(content.values)
    if part.name == "images":
        values["unreadable"] = [{"name": one.name, "reason": one.reason} for one in unreadable]
    return MadePart(name=part.name, file=names[0] if names else None, values={**values, "files": names}), content


def _written(content: Content, folder: Path) -> Iterator[str]:
    for name, text in content.files.items():
        write_atomically(folder / name, text)
        yield name


def _data_of(subject: Subject) -> str:
    return from_toml(subject.folder.recipe).data if subject.folder.recipe.exists() else "?"
