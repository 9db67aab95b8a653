"""The user's mistakes, one tree: each message says what is wrong, which value, and what to do next.

    AlexNetError
    ├── UnreadableImage      one image cannot be used
    ├── BadDataset           a data set cannot be opened, or cannot be trained on
    │   ├── NoClassFolders   images, but no folders that could be their classes
    │   └── UnsafeArchive    an archive whose member names point outside it
    ├── BadModel             a model cannot be built or used
    │   └── ImageSizeTooSmall
    ├── BadRecipe            an unknown recipe or field, or a wrong value
    ├── BadRun               a run folder is missing, incomplete, in use or in the way
    ├── CannotWrite          the disk is full, or a folder is gone or may not be written
    ├── BadWeights           a weights file does not fit the network
    ├── TrainingFailed       the loss is not finite or does not move
    ├── WorkerLost           another worker of the same training has died or stalled
    ├── BudgetTooSmall       a time budget too short for one pass over the images
    └── Interrupted          stopped on request; can be resumed

The command line prints the message and exits with status 2 (130 when it was stopped); a server answers 4xx. Independent of where the
message is shown. Our own defects are ordinary exceptions and keep their traceback.
"""

from collections.abc import Iterable

LONGEST_GUESSED = 100  # characters of a wrong name that are compared with the known ones: millions would take gigabytes


class AlexNetError(Exception):
    """A mistake the user can fix; `str(error)` is the whole message. `reported`: another worker has already shown it."""

    reported: bool = False


class UnreadableImage(AlexNetError):
    """One image cannot be used; `name` is its path, `reason` one clause without the path."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type["UnreadableImage"], tuple[str, str]]:
        return type(self), (self.name, self.reason)  # it is pickled when a loader's worker process raises it


class BadDataset(AlexNetError):
    """A data set that cannot be opened, is empty, or has too few classes or too many broken files."""


class NoClassFolders(BadDataset):
    """Images without folders that could be their classes."""


class UnsafeArchive(BadDataset):
    """An archive whose member names point outside it (`../x`, `/etc/x`)."""


class BadModel(AlexNetError):
    """A model that cannot be built: an unknown name, or a field with an impossible value."""


class ImageSizeTooSmall(BadModel):
    """An image size that a network cannot take; the message carries the arithmetic."""


class BadRecipe(AlexNetError):
    """An unknown recipe or field, or a value of the wrong kind."""


class BadRun(AlexNetError):
    """A run folder that is missing, incomplete, or in the way."""


class CannotWrite(AlexNetError):
    """A file cannot be written: the disk is full, or its folder is gone or may not be written. What was written before is complete."""


class BadWeights(AlexNetError):
    """A weights file that does not fit the network; the message carries the difference."""


class TrainingFailed(AlexNetError):
    """The loss is not finite or does not move; the message carries the diagnosis and the last good checkpoint."""


class WorkerLost(AlexNetError):
    """Another worker of the same training has died or does not answer; the message identifies it."""


class BudgetTooSmall(AlexNetError):
    """A time budget too short for one useful pass over the images."""


class Interrupted(AlexNetError):
    """The run was stopped on request; its last checkpoint is complete."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of every 'unknown name' message: the nearest known name, then all known names."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(str(word)[:LONGEST_GUESSED], names, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return f"{guess}Known: {', '.join(names)}."
