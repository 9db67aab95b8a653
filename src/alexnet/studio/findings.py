"""What `alexnet inspect` finds in a data set, in the background, kept until the data set changes. Several browsers share one look."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from alexnet.data.class_names import printable
from alexnet.errors import AlexNetError
from alexnet.i18n.translate import Lang, translated
from alexnet.studio.datasets import DataSet

MOST_LISTED = 60  # of each kind
MOST_UNASKED = 3_000  # images that are looked at without being asked to
Signature = tuple[tuple[str, int], ...]  # the folders of a data set, and when they changed


@dataclass(slots=True)
class Finding:
    """One look at a data set: how far it is, then what it found or why it failed."""

    signature: Signature
    done: int = 0
    total: int = 0
    found: dict[str, Any] | None = None
    error: str | None = None

    def to_json(self, lang: Lang) -> dict[str, Any]:
        """What a browser shows: errors, and why files cannot be read, in its language."""
        found = self.found
        if found is not None:
            unreadable = found["unreadable"]
            reasons = [{**skip, "reason": translated(skip["reason"], lang)} for skip in unreadable["first"]]
            found = {**found, "unreadable": {**unreadable, "first": reasons}}
        error = translated(self.error, lang) if self.error else None
        return {"done": self.done, "total": self.total, "found": found, "error": error}


class Findings:
    """The looks at all data sets; one at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="inspect")
        self._by_name: dict[str, Finding] = {}
        self._lock = threading.Lock()

    def of(self, data: DataSet, *, asked: bool = False) -> Finding | None:
        """What is known of a data set as it is now; a look begins if there is none: of a large one, which takes minutes, only if asked."""
        signature = signature_of(data)
        with self._lock:
            finding = self._by_name.get(data.name)
            if finding is None or finding.signature != signature:
                if not asked and data.size() > MOST_UNASKED:
                    return None
                finding = self._by_name[data.name] = Finding(signature, total=data.size())
                self._pool.submit(self._look, data, finding)
            return finding

    def _look(self, data: DataSet, finding: Finding) -> None:
        from alexnet.data.verbs import inspect

        def progress(done: int, total: int) -> None:
            finding.done, finding.total = done, total

        try:
            if self._by_name.get(data.name) is finding:  # else it has changed again while it waited
                found = inspect(data.path, labels=data.table if data.is_fixed else None, on_progress=progress).to_json()
                finding.found = shortened(found)
        except AlexNetError as problem:
            finding.error = str(problem)
        except Exception as defect:
            finding.error = f"{type(defect).__name__}: {defect}"
            raise

    def close(self) -> None:
        """End the thread, after the look that it is in."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def signature_of(data: DataSet) -> Signature:
    """What changes when images come or go."""
    folders = [(str(folder), folder.stat().st_mtime_ns) for _, _, folder in data.folders() if folder.is_dir()]
    return (*folders, ("table", data.table.stat().st_mtime_ns if data.is_fixed else 0))


def shortened(found: dict[str, Any]) -> dict[str, Any]:
    """The object of `alexnet inspect --json` with short lists, and the length of each."""
    duplicates = found["duplicates"]
    lists = {
        "unreadable": found["unreadable"],
        "outside": found["outside"],
        "exact": duplicates["exact"],
        "near": duplicates["near"],
        "suspects": found["suspects"],
    }
    return {
        "sizes": found["sizes"],
        "imbalance": found["imbalance"],
        **{name: {"n": len(values), "first": _shown(values[:MOST_LISTED])} for name, values in lists.items()},
    }


def _shown(value: Any) -> Any:
    """The value with names that are not UTF-8 as escapes: JSON that a browser reads cannot have them."""
    if isinstance(value, dict):
        return {name: _shown(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return printable(value) if isinstance(value, str) else value
