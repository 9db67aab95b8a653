"""The page of a comparison: one HTML file that opens anywhere, offline.

What it says is compare_view.py, the layout is templates/compare.html.j2. Starts no run and computes nothing.
"""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from alexnet.experiments.compare_view import CompareView, share, size
from alexnet.experiments.comparison import Comparison
from alexnet.experiments.plots import bar
from alexnet.experiments.report import COPY_SCRIPT
from alexnet.experiments.runs import write_whole
from alexnet.experiments.words import MISSING, count, duration, number, percent, readable


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the page to `out`, whole or not at all."""
    write_whole(out, comparison_page(comparison))


def comparison_page(comparison: Comparison) -> str:
    """The whole page as HTML."""
    environment = Environment(loader=PackageLoader("alexnet.experiments"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    filters = {"percent": percent, "count": count, "number": number, "duration": duration, "readable": readable, "bar": bar}
    environment.filters.update(filters | {"size": size, "share": share})
    environment.globals.update(missing=MISSING)
    digest = base64.b64encode(hashlib.sha256(COPY_SCRIPT.encode()).digest()).decode()
    template = environment.get_template("compare.html.j2")
    script = Markup(COPY_SCRIPT)  # noqa: S704  # ours
    return template.render(view=CompareView(comparison), comparison=comparison, script=script, script_digest=digest).lstrip()
