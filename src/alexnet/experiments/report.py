"""The report of a run: one HTML file that opens anywhere, offline, and shows what was learned.

What the page says is report_view.py, the layout is templates/report.html.j2.
Reads no run folder and computes no metric: whoever trained or evaluated fills the RunReport.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from alexnet.errors import BadRun
from alexnet.experiments.plots import bar
from alexnet.experiments.record import RunReport
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
