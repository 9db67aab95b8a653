"""`alexnet lecture`."""

from alexnet.cli.options import Json, Lang
from alexnet.cli.output import show


def lecture(*studies: str, lang: Lang = "en", out: str | None = None, json: Json = False) -> None:
    """Write the lecture as one page: every section, claim, slide and question, answered by measurements.

    Parameters
    ----------
    studies
        Folders of your own studies, as alexnet study writes them; their verdicts come first. Default: this project's alone.
    lang
        en or zh: the language of the page.
    out
        The folder to write to. Default: runs/lecture.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.studies.lecture_page import lecture_page

    made = lecture_page(*studies, lang=lang, out=out)
    show(json, made.to_json(), lambda: [f"Lecture: {made.page}"])
