"""`alexnet summary`."""

from collections.abc import Sequence

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
    """Print the layers of networks: shapes, parameters, multiply-accumulates and memory; several networks side by side.

    Parameters
    ----------
    models
        Names of networks. Default: all of them, one line each.
    classes
        How many classes the last layer scores. Default: what the network was designed for.
    image_size
        Side of the images in pixels. Default: what the network was designed for.
    channels
        1 (gray) or 3. Default: what the network was designed for.
    lecture
        The lecture's comparison of LeNet and AlexNet, recounted from the networks, and where its figures are wrong.
    variants
        Where the paper, the 2012 program, Caffe, torchvision and D2L differ.
    lang
        en or zh: the language of the tables.
    json
        Print one JSON object and nothing else.
    """
    from alexnet.cli.summary_tables import summary_tables
    from alexnet.cli.tables import lecture_tables, variant_tables
    from alexnet.lecture.summary import summary as summarise
    from alexnet.models.summary import comparison

    found = summarise(*models, classes=classes, image_size=image_size, channels=channels, lecture=lecture, variants=variants, lang=lang)

    def readable() -> Sequence[object]:
        shown = models or not (found.lecture or found.variants)
        own = summary_tables(found.models, comparison(found.models), bool(models), lang) if shown else []
        check = lecture_tables(found.lecture) if found.lecture else []
        compared = variant_tables(found.variants, lang) if found.variants else []
        return [line for part in (own, check, compared) if part for line in (*part, "")][:-1]

    show(json, found.to_json(), readable)
