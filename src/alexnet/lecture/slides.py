"""Where the lecture's slides are wrong: each figure is recomputed from the networks. To add a claim, add a row to CLAIMS.

The texts are in `messages/slides.toml`. Independent of the terminal and of pages.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from alexnet.i18n.translate import Lang, say
from alexnet.lecture.networks import FLOP_PER_MAC, LectureNetworks, layers_json, lecture_networks, networks_json
from alexnet.models.networks.architecture import Architecture
from alexnet.models.summary import BYTES, TRAINING_COPIES, Summary

Figure = int | float | tuple[int, ...]
Figures = dict[str, Figure]
Verdict = Literal["wrong", "half_true"]

IMAGES_A_SECOND = 100  # in the example that shows the difference between a count and a rate
KEPT_BY_SHIFT = {2: 25, 3: 39}  # % of active maxima that a shift by 1 px keeps, to the left and to the right alike; tests measure it
AUDIENCE_ALEXNET, AUDIENCE_LENET = 460e6, 0.6e6  # parameters, as a member of the audience stated them


@dataclass(frozen=True, slots=True)
class SlideClaim:
    """One statement of the lecture. `slide` and `right` are keys of messages; `figures` computes the fields of the second."""

    name: str
    slide: str
    verdict: Verdict
    figures: Callable[[LectureNetworks], Figures]
    right: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedClaim:
    """A claim with its correction, in one language."""

    name: str
    slide: str
    verdict: Verdict
    verdict_text: str
    right: str  # the sentence with its arithmetic
    figures: Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class SlideCheck:
    """The lecture's comparison of networks and its claims, checked."""

    lang: Lang
    networks: LectureNetworks
    claims: tuple[CheckedClaim, ...]

    def to_json(self) -> dict[str, Any]:
        """The object "lecture" of `alexnet summary --lecture --json`."""
        return {
            "networks": networks_json(self.networks),
            "layers": layers_json(self.networks),
            "claims": [asdict(claim) for claim in self.claims],
        }


def check_slides(lang: Lang, networks: LectureNetworks | None = None) -> SlideCheck:
    """Every claim of the slides, checked against `networks`, by default the lecture's own."""
    counted = lecture_networks() if networks is None else networks
    return SlideCheck(lang=lang, networks=counted, claims=tuple(_checked(claim, counted, lang) for claim in CLAIMS))


def claims_title(lang: Lang) -> str:
    """The heading of the claims."""
    return say("slides.head_claims", lang)


def claim_lines(check: SlideCheck) -> list[tuple[str, str]]:
    """Two lines per claim: ("slide", its statement), then (the verdict, the correction)."""
    quoted = say("slides.quoted", check.lang)
    return [line for claim in check.claims for line in ((quoted, claim.slide), (claim.verdict_text, claim.right))]


def _checked(claim: SlideClaim, networks: LectureNetworks, lang: Lang) -> CheckedClaim:
    figures = claim.figures(networks)
    shown = {name: _shown(figure) for name, figure in figures.items()}
    return CheckedClaim(
        name=claim.name,
        slide=say(f"slides.{claim.slide}", lang),
        verdict=claim.verdict,
        verdict_text=say(f"slides.{claim.verdict}", lang),
        right=say(f"slides.{claim.right}", lang, **shown),
        figures=figures,
    )


def _shown(figure: Figure) -> str:
    if isinstance(figure, tuple):
        return ", ".join(map(_shown, figure))
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,f}".rstrip("0").rstrip(".")  # never 6.1e-05


def parameters(networks: LectureNetworks) -> Figures:
    """Parameters, as multiples of LeNet's."""
    lenet, lecture, published = (network.parameters for network in networks)
    return {
        "lenet": lenet,
        "lecture": lecture,
        "ratio": round(lecture / lenet),
        "published": published,
        "published_ratio": round(published / lenet),
        "classes": networks.published.classes,
    }


def audience(networks: LectureNetworks) -> Figures:
    """How far off the two numbers from the audience are."""
    lenet, lecture, _ = (network.parameters for network in networks)
    return {
        "lecture": lecture,
        "lecture_excess": round(AUDIENCE_ALEXNET / lecture, 1),
        "lenet": lenet,
        "lenet_excess": round(AUDIENCE_LENET / lenet, 1),
        "audience_ratio": round(AUDIENCE_ALEXNET / AUDIENCE_LENET),
        "ratio": round(lecture / lenet),
    }


def computation(networks: LectureNetworks) -> Figures:
    """Multiply-accumulates, as multiples of LeNet's (FLOP are twice as many for each network, so the ratios are the same)."""
    lenet, lecture, published = (network.macs for network in networks)
    return {
        "lenet": lenet,
        "lecture": lecture,
        "ratio": round(lecture / lenet),
        "published": published,
        "published_ratio": round(published / lenet),
    }


def memory(networks: LectureNetworks) -> Figures:
    """Bytes of the fully connected layers in fp32: weights alone, then with gradients, momentum and a copy."""
    full = _fully_connected(networks.published)
    lecture_full = sum(_fully_connected(networks.lecture))
    copies = TRAINING_COPIES + 1
    return {
        "layers": full,
        "parameters": sum(full),
        "bytes": BYTES,
        "megabytes": round(BYTES * sum(full) / 1e6, 1),
        "hidden_megabytes": round(BYTES * sum(full[:-1]) / 1e6, 1),
        "copies": copies,
        "gigabytes": round(copies * BYTES * sum(full) / 1e9, 2),
        "lecture_parameters": lecture_full,
        "lecture_megabytes": round(BYTES * lecture_full / 1e6, 1),
    }


def _fully_connected(network: Summary) -> tuple[int, ...]:
    return tuple(layer.parameters for layer in network.layers if layer.kind == "fully connected")


def kernels(networks: LectureNetworks) -> Figures:
    """The kernel sizes, layer by layer, in pixels."""
    return {"kernels": _kernels(networks.published.architecture), "lenet_kernels": _kernels(networks.lenet.architecture)}


def _kernels(architecture: Architecture) -> tuple[int, ...]:
    return tuple(conv.kernel for conv in architecture.convs)


def strides(networks: LectureNetworks) -> Figures:
    """The strides of the first layers and of LeNet's pooling, in pixels."""
    lenet, published = networks.lenet.architecture, networks.published.architecture
    return {"lenet_stride": lenet.convs[0].stride, "stride": published.convs[0].stride, "lenet_pool_stride": lenet.pool_stride}


def flop(networks: LectureNetworks) -> Figures:
    """The FLOP of one image, and the GFLOP/s at IMAGES_A_SECOND."""
    count = FLOP_PER_MAC * networks.lecture.macs
    return {
        "macs": networks.lecture.macs,
        "flop": count,
        "images": IMAGES_A_SECOND,
        "rate": round(count * IMAGES_A_SECOND / 1e9, 1),
    }


def gradient(networks: LectureNetworks) -> Figures:
    """The sigmoid's steepest slope, and the most that remains of a gradient after all nonlinearities of a network."""
    slope = _sigmoid_slope(0.0)
    deep, shallow = (len(one.architecture.convs) + len(one.architecture.hidden) for one in (networks.published, networks.lenet))
    return {
        "slope": slope,
        "saturated_slope": round(_sigmoid_slope(5.0), 4),
        "nonlinearities": deep,
        "left": float(f"{slope**deep:.1e}"),
        "lenet_nonlinearities": shallow,
        "lenet_left": round(slope**shallow, 4),
    }


def _sigmoid_slope(x: float) -> float:
    sigmoid = 1 / (1 + math.exp(-x))
    return sigmoid * (1 - sigmoid)


def shifts(networks: LectureNetworks) -> Figures:
    """The share of maxima that a shift by 1 px keeps, in %: if every unit is as likely to be the largest, and as measured on photos."""
    figures: Figures = {}
    for name, side in (("small", networks.lenet.architecture.pool_kernel), ("large", networks.published.architecture.pool_kernel)):
        kept = (side - 1) / (side + 1)  # units that are in the window before the shift and after it, of all that are in one of the two
        figures |= {name: side, f"{name}_equal": round(100 * kept), f"{name}_measured": KEPT_BY_SHIFT.get(side, 0)}
    return figures


CLAIMS: tuple[SlideClaim, ...] = (
    #          name           the statement         verdict      figures      the correction
    SlideClaim("parameters", "slide_parameters", "wrong", parameters, "right_parameters"),
    SlideClaim("audience", "slide_audience", "half_true", audience, "right_audience"),
    SlideClaim("computation", "slide_computation", "wrong", computation, "right_computation"),
    SlideClaim("memory", "slide_memory", "wrong", memory, "right_memory"),
    SlideClaim("kernels", "slide_kernels", "wrong", kernels, "right_kernels"),
    SlideClaim("strides", "slide_strides", "wrong", strides, "right_strides"),
    SlideClaim("shifts", "slide_shifts", "wrong", shifts, "right_shifts"),
    SlideClaim("flop", "slide_flop", "wrong", flop, "right_flop"),
    SlideClaim("gradient", "slide_gradient", "half_true", gradient, "right_gradient"),
)
