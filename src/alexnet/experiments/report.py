"""The report of a run: one HTML file that opens anywhere, offline, and shows what was learned.

What the page says is report_view.py, the layout is templates/report.html.j2.
Reads no run folder and computes no metric: whoever trained or evaluated fills the RunReport.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from torch import Tensor

from alexnet.errors import BadRun
from alexnet.evaluation.metrics import ReliabilityBin
from alexnet.experiments.plots import bar
from alexnet.experiments.report_view import RunView
from alexnet.experiments.words import MISSING, certainty, count, duration, percent, readable, short

# The page works without it: the button is made by the script itself.
COPY_SCRIPT = """
for (const box of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.onclick = () => navigator.clipboard.writeText(box.querySelector("code").textContent).then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.append(button);
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """A picture that the model got wrong.

    picture: uint8 (3, H, W). true, predicted: class names. probability: of the predicted class, 0 to 1.
    """

    picture: Tensor
    name: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Everything that the page shows of one run. Empty or None: that section says so, or is left out.

    history: one dict per epoch (or step) with any of epoch, step, training_loss, training_error, validation_loss, validation_error,
      learning_rate, images_per_second, seconds (since the start of training). Errors are shares, 0 to 1.
    evaluations: title ("test, centre crop") -> Evaluation.to_json(). The first one makes the headline. A title that contains
      "validation" or "training" is not announced as unseen pictures.
    reliability: the first evaluation's bins.
    filters: float (maps, channels, k, k). layers: dicts with name, kind, output, parameters, macs. published: (what, number, source).
    skipped: dicts with name, class_name, reason. seconds: of training; without it, the history's last.
    baseline: any names and values, possibly nested.
    """

    title: str
    model: str
    model_reason: str
    recipe: Mapping[str, Any]
    recipe_name: str
    command: str
    dataset: str
    counts: Mapping[str, int]
    classes: Sequence[str]
    history: Sequence[Mapping[str, Any]] = ()
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reliability: Sequence[ReliabilityBin] = ()
    mistakes: Sequence[Mistake] = ()
    filters: Tensor | None = None
    skipped: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[Mapping[str, Any]] = ()
    baseline: Mapping[str, Any] | None = None
    published: Sequence[tuple[str, Any, str]] = ()
    seconds: float | None = None


def write_report(report: RunReport, out: Path) -> None:
    """Write the page to `out`, whole or not at all; missing folders are made. Raises BadRun if `out` is a folder."""
    if out.is_dir():
        raise BadRun(f"{out} is a folder, and the report is one file. Name the file, for example {out / 'report.html'}.")
    page = page_of([report]).encode("utf-8", "replace")  # file names may hold bytes that are no text
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(page)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def page_of(reports: Sequence[RunReport]) -> str:
    """The whole page as HTML; several runs stand one under the other, their anchors prefixed run1-, run2-."""
    environment = Environment(loader=PackageLoader("alexnet.experiments"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        percent=percent, count=count, certainty=certainty, duration=duration, readable=readable, short=short, bar=bar
    )
    environment.globals.update(missing=MISSING)
    digest = base64.b64encode(hashlib.sha256(COPY_SCRIPT.encode()).digest()).decode()
    runs = [RunView(report, f"run{i}-" if len(reports) > 1 else "") for i, report in enumerate(reports, 1)]
    return environment.get_template("report.html.j2").render(runs=runs, script=Markup(COPY_SCRIPT), script_digest=digest).lstrip()
