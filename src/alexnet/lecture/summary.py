"""`alexnet summary`: layer tables of networks, the lecture's figures checked against them, and the variants of AlexNet compared."""

from dataclasses import dataclass
from typing import Any

from alexnet.errors import BadModel
from alexnet.i18n.translate import Lang, language_of
from alexnet.lecture.slides import SlideCheck, check_slides
from alexnet.lecture.variants import ComparedVariants, compare_variants
from alexnet.models.summary import Summary, summarise
from alexnet.runtime.arguments import whole_number


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryReport:
    """The layer tables of networks; on request also the check of the lecture and the comparison of variants."""

    models: tuple[Summary, ...]
    lecture: SlideCheck | None = None
    variants: tuple[ComparedVariants, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON object of `alexnet summary --json`."""
        value: dict[str, Any] = {"models": [one.to_json() for one in self.models]}
        value |= {"lecture": self.lecture.to_json()} if self.lecture else {}
        return value | ({"variants": [one.to_json() for one in self.variants]} if self.variants else {})


def summary(
    *models: str,
    classes: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    lecture: bool = False,
    variants: bool = False,
    lang: Lang = "en",
) -> SummaryReport:
    """The layers of networks: shapes, parameters, multiply-accumulates, memory. No network is built.

    models: names; by default the whole catalogue. classes, image_size (pixels per side) and channels (1 or 3): None means what each network
    was designed for. lecture: also compare LeNet with AlexNet and correct the lecture's figures; variants: also compare the paper, the 2012
    program, Caffe, torchvision and D2L; lang: the language of both.
    Raises BadModel for an unknown name or an impossible number, ImageSizeTooSmall with the arithmetic.
    """
    language = language_of(lang)
    return SummaryReport(
        models=tuple(
            summarise(
                models,
                classes=_number(classes, "classes"),
                image_size=_number(image_size, "image_size"),
                channels=_number(channels, "channels"),
            )
        ),
        lecture=check_slides(language) if lecture else None,
        variants=compare_variants(language) if variants else (),
    )


def _number(value: int | None, name: str) -> int | None:
    return None if value is None else whole_number(value, name, mistake=BadModel)
