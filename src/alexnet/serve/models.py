"""The models of a service by name, each loaded again when its files change, without a request noticing.

A request keeps the loaded model that it began with: its image is resized for that model and answered by it, whatever is loaded meanwhile.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException

from alexnet.errors import AlexNetError, BadRun, did_you_mean
from alexnet.inference.model_folder import COMPRESSED_SUFFIX, is_compressed, model_folder
from alexnet.serve.batching import Batcher, Run
from alexnet.serve.served_classifier import ServedClassifier

SUFFIXES = (".onnx", COMPRESSED_SUFFIX)

log = logging.getLogger(__name__)
Signature = tuple[tuple[int, int, int], ...]  # of each file: inode, bytes, nanoseconds of its last change
MakeBatcher = Callable[[Run], Batcher]
Open = Callable[[Path, str], ServedClassifier]  # from a path and a device


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory, and the batches that its images share."""

    name: str
    classifier: ServedClassifier
    batcher: Batcher
    signature: Signature
    version: int  # counts the loads, from 1


class ServedModel:
    """One model under its name. `current` is replaced when the files at `path` have changed and can be loaded."""

    def __init__(self, name: str, path: Path, make_batcher: MakeBatcher, device: str, open_model: Open) -> None:
        self.name, self.path, self.device, self._make_batcher, self._open = name, path, device, make_batcher, open_model
        self.reload_error: str | None = None
        self._seen = self.signature()
        self.current = self._load(1)

    def signature(self) -> Signature:
        """What changes when the model's files do; raises BadRun if there are none."""
        files = model_files(self.path)
        try:
            stats = [file.stat() for file in files]
        except OSError as error:  # between two files of a copy
            raise BadRun(f"{files[0]} cannot be read: {error.strerror or error}.") from None
        return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)

    def _load(self, version: int) -> LoadedModel:
        signature = self.signature()
        classifier = self._open(self.path, self.device)
        return LoadedModel(self.name, classifier, self._make_batcher(classifier.rows), signature, version)

    def refresh(self) -> bool:
        """Load changed files; returns whether a new model is in place. A model that cannot be loaded leaves the former one in place.

        Files are loaded when two looks in a row find them the same: the second file of a copy may still be on its way at the first.
        """
        try:
            signature = self.signature()
            seen, self._seen = self._seen, signature
            if signature == self.current.signature or signature != seen:
                return False
            self.current = self._load(self.current.version + 1)
        except AlexNetError as error:
            if str(error) != self.reload_error:
                log.warning("%s keeps its former model: %s", self.name, error)
            self.reload_error = str(error)
            return False
        self.reload_error = None
        log.info("%s was loaded again (version %d)", self.name, self.current.version)
        return True


def model_files(path: Path) -> list[Path]:
    """The files that are the model at a path."""
    return [path] if is_file(path) else [model_folder(path) / name for name in ("model.json", "model.safetensors")]


def is_file(path: Path) -> bool:
    """Whether a path means a file, and not a run folder."""
    return path.suffix.lower() == ".onnx" or path.is_file()


def is_onnx(path: Path) -> bool:
    """Whether a path means an ONNX file, and not what PyTorch computes."""
    return is_file(path) and not is_compressed(path)


def opened(path: Path, device: str, *, threads: int | None = None) -> ServedClassifier:
    """The model at a path; an ONNX file imports no PyTorch, and is computed by so many threads (all CPUs). Raises BadRun or BadModel."""
    if is_onnx(path):
        from alexnet.serve.served_file import ServedFile

        return ServedFile(path, threads=threads)
    from alexnet.serve.served_run import ServedRun

    return ServedRun(path, device=device)


class ServedModels:
    """All models of a service; the first is the one that requests without a name mean."""

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self.by_name = {model.name: model for model in models}
        self.first = models[0].name

    def find(self, name: str | None) -> LoadedModel:
        """The model called `name`; raises HTTPException 404 for an unknown name."""
        served = self.by_name.get(self.first if name is None else name)
        if served is None:
            raise HTTPException(404, f"There is no model '{name}'. {did_you_mean(name, self.by_name)}")
        return served.current


def open_models(
    paths: Sequence[Path],
    make_batcher: MakeBatcher,
    *,
    device: str = "auto",
    names: Sequence[str] | None = None,
    open_model: Open = opened,
) -> ServedModels:
    """Load every model; raises AlexNetError for one that cannot be loaded."""
    named = zip(names or model_names(paths), paths, strict=True)
    return ServedModels([ServedModel(name, path, make_batcher, device, open_model) for name, path in named])


def model_names(paths: Sequence[Path]) -> list[str]:
    """The name of each model: its run folder's, and a number behind it where two are called alike."""
    names: list[str] = []
    for path in paths:
        place = path.resolve()
        place = place.parent if place.name == "model" else place
        name = (place.stem if place.suffix in SUFFIXES else place.name) or "model"
        names.append(next(one for one in _numbered(name, len(paths)) if one not in names))
    return names


def _numbered(name: str, most: int) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, most + 2))]
