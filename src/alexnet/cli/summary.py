"""`alexnet summary`."""

from collections.abc import Sequence
from typing import Any

from alexnet.cli.options import Flag, Json, Lang
from alexnet.cli.output import show


def summary(
    *models: str,
    classes: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    lecture: Flag = False,
    variants: Flag = False,
    lang: Lang = "en",
    json: Json = False,
) -> None:
    """The layers of networks: shapes, parameters, multiply-accumulates, memory; several side by side.

    Parameters
    ----------
    models
        Names; without any, all of the catalogue in one line each.
    classes
        How many classes the last layer scores; without it, what the network was made for.
    image_size
        Side of the images in pixels; without it, what the network was made for.
    channels
        1 (gray) or 3; without it, what the network was made for.
    lecture
        The lecture's comparison of LeNet and AlexNet, counted from the networks, and where its figures are wrong.
    variants
        Where the paper, the 2012 program, Caffe, torchvision and D2L differ.
    lang
        en or zh: the language of --lecture and --variants.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.tables import lecture_tables, summary_tables, variant_tables
    from alexnet.lecture.slides import check_slides
    from alexnet.lecture.variants import compare_variants
    from alexnet.models.summary import comparison, summarise

    summaries = summarise(models, classes=classes, image_size=image_size, channels=channels)
    check = check_slides(lang) if lecture else None
    compared = compare_variants(lang) if variants else ()
    value: dict[str, Any] = {"models": [one.to_json() for one in summaries]}
    value |= {"lecture": check.to_json()} if check else {}
    value |= {"variants": [one.to_json() for one in compared]} if compared else {}

    def readable() -> Sequence[object]:
        own = summary_tables(summaries, comparison(summaries), bool(models)) if models or not (check or compared) else []
        parts = [own, lecture_tables(check) if check else [], variant_tables(compared, lang) if compared else []]
        return [line for part in parts if part for line in (*part, "")][:-1]

    show(json, value, readable)
