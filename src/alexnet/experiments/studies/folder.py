"""The files of one study."""

from pathlib import Path


class StudyFolder:
    """A study's folder: what it was asked for, the split of each seed, a folder for each run, and what came of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "study.json"
        self.runs = path / "runs"  # named by the digests of their recipes
        self.result = path / "result.json"  # what `alexnet study --json` prints
        self.report = path / "report.html"

    def splits_of(self, seed: int) -> Path:
        """The split that all runs of a seed share."""
        return self.path / f"splits-{seed}.json"
