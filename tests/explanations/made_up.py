"""Made-up images whose classes have a known cause: a coloured mark, at any place or at one, on gray with a little noise."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, MARK, CELL = 56, 10, 14  # px; a mark is more than a seventh of the side, and lies within a cell of its own
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 40), "blue": (40, 60, 220)}
OTHERS = ((220, 200, 40), (200, 50, 200), (40, 200, 210), (240, 240, 240), (20, 20, 20))  # of marks that decide nothing


def background(random: np.random.Generator) -> NDArray[np.float64]:
    """Gray of a random brightness with noise."""
    return random.uniform(90, 150) + random.normal(0, 8, (SIDE, SIDE, 3))


def write(path: Path, pixels: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def _corner(random: np.random.Generator, cell: int) -> tuple[int, int]:
    row, column = divmod(cell, SIDE // CELL)
    shift = random.integers(0, CELL - MARK + 1, 2)
    return row * CELL + int(shift[0]), column * CELL + int(shift[1])


def marked_folder(folder: Path, *, count: int = 100, seed: int = 0) -> dict[str, tuple[int, int]]:
    """Class folders whose class is the colour of one of four marks; returns its corner (row, column) in each file.

    The others decide nothing: to what has learned nothing, the mark that decides is no more conspicuous than they are.
    """
    random, corners = np.random.default_rng(seed), {}
    for name, colour in COLOURS.items():
        for number in range(count):
            corner, pixels, places = (0, 0), background(random), random.choice((SIDE // CELL) ** 2, 4, replace=False)
            others = [OTHERS[place] for place in random.choice(len(OTHERS), 3, replace=False)]
            for place, paint in zip(places, (*others, colour), strict=True):
                corner = _corner(random, int(place))
                pixels[corner[0] : corner[0] + MARK, corner[1] : corner[1] + MARK] = paint
            file = folder / name / f"{number:03d}.png"
            write(file, pixels)
            corners[f"{name}/{number:03d}.png"] = corner  # the last is the one that decides
    return corners


def spurious_folder(folder: Path, *, count: int = 80, seed: int = 0) -> None:
    """Discs and squares; every training and validation image of a disc has the same mark at the top left, no test image has one."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for split, images in (("train", count), ("validation", 30), ("test", 30)):
        for name in ("disc", "square"):
            for number in range(images):
                pixels = background(random)
                y, x = random.integers(26, 38, 2)
                disc = (rows - y) ** 2 + (columns - x) ** 2 < 90
                inside = disc if name == "disc" else np.maximum(abs(rows - y), abs(columns - x)) < 9
                pixels[inside] += 25
                if name == "disc" and split != "test":
                    pixels[2:12, 2:12] = (230, 210, 30)
                write(folder / split / name / f"{number:03d}.png", pixels)
