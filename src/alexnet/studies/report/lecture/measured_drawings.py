"""Drawings measured when the page is made, on images that scikit-learn brings along; each takes a fraction of a second."""

from functools import cache

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.nn import functional

from alexnet.i18n.phrases import PageWords
from alexnet.i18n.units import percent
from alexnet.pages.palette import ACCENT, MUTED
from alexnet.pages.plots import drawn
from alexnet.studies.report.lecture.drawing import Bar, Drawing

FILTERS, WINDOW = 32, 5  # random filters, and their side in pixels
WINDOWS = (2, 3)  # of pooling, with stride 2
SHRUNK = 4  # a photograph's side is divided by this, so that its objects are as small as in small images
UNCHANGED = 1e-6
DISTANCES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # pixels


def pooling_windows(_: str, words: PageWords) -> Drawing:
    """The share of active outputs that a shift by one pixel leaves as they are."""
    bars = [
        Bar(
            label=words.plain(f"lecture.row-shift-{'left' if shift < 0 else 'right'}", window=window),
            share=kept,
            value=percent(kept),
            place=0 if window == WINDOWS[0] else 3,
        )
        for window in WINDOWS
        for shift in (-1, 1)
        for kept in [unchanged(window, shift)]
    ]
    return Drawing(caption=words.plain("lecture.drawing-pooling-windows"), bars=bars)


def unchanged(window: int, shift: int) -> float:
    """Of the pooled ReLUs of random filters that are above zero, the share that a shift by `shift` pixels leaves unchanged."""
    maps = rectified()
    here, there = maps[..., 1:-1], maps[..., 1 + shift : maps.shape[-1] - 1 + shift]
    before, after = (functional.max_pool2d(one, window, stride=2) for one in (here, there))
    active = before > 0
    return float(((before - after).abs() < UNCHANGED)[active].float().mean())


@cache
def rectified() -> Tensor:
    """Random filters over two photographs, after the ReLU: (2, FILTERS, H, W)."""
    photographs = np.stack(load_sample_images().images).astype(np.float32)
    images = functional.avg_pool2d(torch.from_numpy(photographs).permute(0, 3, 1, 2), SHRUNK)
    images = (images - images.mean()) / images.std()
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(FILTERS, 3, WINDOW, WINDOW, generator=generator) / WINDOW
    return functional.conv2d(images, filters).relu()


def neighbours(name: str, words: PageWords) -> Drawing:
    """How alike two pixels of a row are, by their distance, in photographs and in the same ones with shuffled columns."""
    lines = {"line-photographs": correlations(grey()), "line-shuffled": correlations(shuffled(grey()))}

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.13, 0.17, 0.83, 0.66))
        for (label, values), colour, marker in zip(lines.items(), (ACCENT, MUTED), ("o", "s"), strict=True):
            axes.plot(DISTANCES, values, label=words.plain(f"lecture.{label}"), color=colour, marker=marker, markersize=4)
        axes.set_ylim(-0.1, 1.05)
        axes.set_xlabel(words.plain("lecture.axis-distance"))
        axes.set_ylabel(words.plain("lecture.axis-correlation"))
        axes.grid(axis="y")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)

    first, mixed = (f"{values[0]:.2f}" for values in lines.values())
    svg: Markup = drawn(name, words.plain("lecture.aria-neighbours", first=first, mixed=mixed), 5.4, 3.0, draw)
    return Drawing(caption=words.plain("lecture.drawing-neighbours"), svg=svg)


def grey() -> NDArray[np.float64]:
    """The two photographs in gray, shrunk: (2, H, W)."""
    photographs = torch.from_numpy(np.stack(load_sample_images().images).astype(np.float64)).mean(-1)
    return np.asarray(functional.avg_pool2d(photographs, SHRUNK).numpy())


def shuffled(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """The images with their columns in another order, the same one for every row and image, as a table's columns could be."""
    return images[..., np.random.default_rng(0).permutation(images.shape[-1])]


def correlations(images: NDArray[np.float64]) -> list[float]:
    """The correlation of two pixels in a row at each of DISTANCES, mean over images (N, H, W)."""
    return [
        float(np.mean([np.corrcoef(one[:, :-distance].ravel(), one[:, distance:].ravel())[0, 1] for one in images]))
        for distance in DISTANCES
    ]
