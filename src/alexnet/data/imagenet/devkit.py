"""The development kit of ILSVRC2012: the classes with their names, and the classes of the validation images.

Two numberings of the classes must not be confused. A *label* is the index among the sorted WordNet ids (0 is n01440764, tench), as in
every published model. An *ILSVRC id* (1 is n02119789, kit fox) is the kit's own number; its ground truth lists these ids, and is converted
to labels here.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet.data.sources.source import cut_short
from alexnet.errors import BadDataset
from alexnet.storage.regular_files import open_regular

NAME = "ILSVRC2012_devkit_t12"
META = "data/meta.mat"
TRUTH = "data/ILSVRC2012_validation_ground_truth.txt"
WNID = re.compile(r"n[0-9]{8}")
MAX_BYTES = 64 << 20  # of the kit, unpacked; the real one has 7 MB


@dataclass(frozen=True, slots=True)
class Synset:
    """One entry of meta.mat: a class (without children), or a hypernym of several classes."""

    ilsvrc_id: int
    wnid: str
    words: tuple[str, ...]
    children: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Devkit:
    """wnids: WordNet ids, sorted, one per label; names: readable and unique; truth: int32, the label of validation image i + 1."""

    path: Path
    wnids: tuple[str, ...]
    names: tuple[str, ...]
    truth: NDArray[np.int32]


def read_devkit(folder: Path) -> Devkit:
    """Read the kit in a folder, packed or unpacked; raises BadDataset if it is missing, cut short or damaged."""
    for path in (folder / f"{NAME}.tar.gz", folder / f"{NAME}.tar", folder / NAME):
        if path.exists():
            meta, truth = _files(path)
            synsets = _synsets(meta, path)
            classes = sorted((synset for synset in synsets if not synset.children), key=lambda synset: synset.wnid)
            names = class_names(classes, synsets)
            return Devkit(path=path, wnids=tuple(synset.wnid for synset in classes), names=names, truth=_truth(truth, classes, path))
    raise BadDataset(
        f"{folder} lacks {NAME}.tar.gz (2.5 MB), which holds ImageNet's class names and the classes of the validation pictures. Download "
        f"'Development kit (Task 1 & 2)' from https://image-net.org/challenges/LSVRC/2012/2012-downloads.php and put it into {folder}. "
        "Pictures sorted into class folders need no kit: open their folder without 'imagenet:', and the classes have the folders' names."
    )


def class_names(classes: Sequence[Synset], synsets: Iterable[Synset]) -> tuple[str, ...]:
    """The first word of each class; where classes share it, their hypernym follows: crane (wading bird), crane (lifting device).

    If that does not distinguish them, their second word is used, or finally their WordNet id.
    """
    parents: dict[int, str] = {}
    for synset in sorted(synsets, key=lambda synset: synset.ilsvrc_id):
        for child in synset.children:
            parents.setdefault(child, synset.words[0])
    sharing = defaultdict(list)
    for synset in classes:
        sharing[synset.words[0]].append(synset)
    names: dict[str, str] = {}
    for word, group in sharing.items():
        hints = _distinguishing(group, parents)
        names |= {synset.wnid: word if len(group) == 1 else f"{word} ({hint})" for synset, hint in zip(group, hints, strict=True)}
    return tuple(names[synset.wnid] for synset in classes)


def _distinguishing(group: list[Synset], parents: dict[int, str]) -> list[str]:
    for hints in ([parents.get(synset.ilsvrc_id, "") for synset in group], ["".join(synset.words[1:2]) for synset in group]):
        if all(hints) and len(set(hints)) == len(group):
            return hints
    return [synset.wnid for synset in group]


def _files(path: Path) -> tuple[bytes, bytes]:
    """meta.mat and the ground truth."""
    try:
        if path.is_dir():
            return _whole(path / META), _whole(path / TRUTH)
        return _unpacked(path)
    except FileNotFoundError as problem:
        missing = Path(str(problem.filename)).relative_to(path).as_posix()
    except KeyError as problem:
        missing = str(problem.args[0])
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError):
        raise cut_short(path, "tar.gz") from None
    except OSError as problem:
        raise BadDataset(f"{path} cannot be opened: {problem.strerror or problem}.") from None
    raise BadDataset(f"{path} lacks {missing}: it is not the whole development kit of ILSVRC2012. Download it again.")


def _whole(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(MAX_BYTES)


def _unpacked(path: Path) -> tuple[bytes, bytes]:
    """The two files of the packed kit, which is read to its last byte so that any truncation is detected."""
    with open_regular(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadDataset(f"{path} unpacks to more than {MAX_BYTES >> 20} MB; the development kit of ILSVRC2012 has 7. Download it again.")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            inner = member.name.removeprefix("./").partition("/")[2]
            if inner in (META, TRUTH) and member.isreg() and (file_in := archive.extractfile(member)):
                found[inner] = file_in.read(member.size)
    return found[META], found[TRUTH]


def _synsets(meta: bytes, path: Path) -> list[Synset]:
    from scipy.io import loadmat  # slow to import

    try:
        rows = np.atleast_1d(loadmat(io.BytesIO(meta), squeeze_me=True, variable_names=["synsets"])["synsets"])
        synsets = [_synset(row) for row in rows]
    except Exception:  # scipy raises errors of many classes for a damaged file
        raise _damaged(path, META) from None
    classes = [synset for synset in synsets if not synset.children]
    sound = all(WNID.fullmatch(synset.wnid) and synset.words[0] for synset in synsets)
    if not sound or not classes or len({s.wnid for s in classes}) < len(classes) or len({s.ilsvrc_id for s in classes}) < len(classes):
        raise _damaged(path, META)
    return synsets


def _synset(row: Any) -> Synset:
    words = tuple(word.strip() for word in str(row["words"]).split(","))
    children = tuple(int(child) for child in np.atleast_1d(row["children"])) if int(row["num_children"]) else ()
    return Synset(int(row["ILSVRC2012_ID"]), str(row["WNID"]), words, children)


def _truth(text: bytes, classes: Sequence[Synset], path: Path) -> NDArray[np.int32]:
    """Labels from lines of ILSVRC ids."""
    labels = {synset.ilsvrc_id: label for label, synset in enumerate(classes)}
    try:
        found = np.array([labels[int(line)] for line in text.split()], np.int32)
    except (ValueError, KeyError):
        raise _damaged(path, TRUTH) from None
    if not found.size:
        raise _damaged(path, TRUTH)
    return found


def _damaged(path: Path, inner: str) -> BadDataset:
    return BadDataset(f"{path / inner} is damaged, or not from ILSVRC2012. Download {NAME}.tar.gz again.")
