"""`alexnet report`."""

from alexnet.cli.options import Lang
from alexnet.cli.output import show_lines


def report(*runs: str, out: str | None = None, lang: Lang = "en") -> None:
    """Rebuild the page of a run, a comparison or a study from its folder, or put several runs on one page.

    Parameters
    ----------
    runs
        Run folders, or the folder of one comparison or study.
    out
        The file to write. Default: the folder's own report.html; for several runs, report.html in the current folder.
    lang
        en or zh: the language of the page.
    """
    from alexnet.reports import report as rebuild

    page = rebuild(*runs, out=out, lang=lang)
    show_lines([f"Report: {page}"])
