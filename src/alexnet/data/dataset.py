"""The interface of all data sets: labelled images, however they are stored.

Independent of file formats, archives (see images and sources) and batches.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alexnet.data.balance import is_uneven
from alexnet.data.images.decode import decode, decode_fitted, read_header
from alexnet.data.images.headers import Header
from alexnet.data.preprocess import Fit
from alexnet.errors import BadDataset, UnreadableImage

if TYPE_CHECKING:  # these modules import this one
    from alexnet.data.fingerprints import Survey
    from alexnet.data.pipeline.colour_statistics import ColourPCA

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")
SIDED = frozenset({"left", "right", "up", "down", "clockwise", "sign", "digit", "number", "letter", "arrow", "text", "word"})
SIDED_CHINESE = ("左", "右", "向上", "向下", "朝上", "朝下", "顺时针", "逆时针", "标志", "路牌", "数字", "字母", "箭头", "文字", "汉字")
COLOURS = frozenset(
    {"red", "green", "blue", "yellow", "white", "black", "brown", "purple", "pink", "gray", "grey", "ripe", "unripe", "rotten"}
)
COLOURS_CHINESE = ("红", "橙", "黄", "绿", "青", "蓝", "紫", "白", "黑", "灰", "棕", "褐", "粉", "熟", "腐烂", "变质")
NUMBER_WORDS = frozenset({"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"})
SAMPLE = 100  # images whose headers represent the whole data set


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its name in the data set, its class, and the split that the user has put it in, if any."""

    name: str
    label: int
    split: SplitName | None


@dataclass(frozen=True, slots=True)
class Traits:
    """Which changes of the images keep their class.

    flip: a mirrored image keeps its class (false for digits, text and signs); colour: a recoloured image keeps its class (false where the
    colour is the class, and where all images are gray); gray: no image has colours.
    """

    flip: bool
    colour: bool
    gray: bool = False


class Dataset(ABC):
    """Labelled images: `items[index]` describes `image(index)`; `classes[label]` is the name of a label."""

    name: str
    classes: tuple[str, ...]
    items: Sequence[Item]
    outside: tuple[str, ...] = ()  # images outside the class folders, which are not used
    version: str = ""  # of images that the program makes, since other versions of it make others; "": any other images
    remarks: tuple[str, ...] = ()  # what opening it found that the user should know, a sentence each
    rows_at_once: int = 32  # images per call of `fill_squares` when the whole data set is read
    is_decoded: bool = False  # the pixels are in memory, so decoding threads would be of no use

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """Safe defaults for augmentation, inferred from the class names and a sample of the images."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the class folders when the data set is packed, one for each of `classes`."""
        return self.classes

    @abstractmethod
    def content(self, index: int) -> bytes:
        """The encoded file (for arrays, the raw pixels); raises UnreadableImage."""

    def known_survey(self) -> "Survey | None":
        """The survey of all images, if it is stored with the data set and needs no decoding; otherwise None."""
        return None

    def known_colours(self) -> "ColourPCA | None":
        """Mean and principal colours of the training images, if they are stored with the data set; otherwise None."""
        return None

    def image(self, index: int) -> Tensor:
        """The upright image at its original size, uint8 (3, H, W); raises UnreadableImage."""
        return decode(self.content(index), self.items[index].name)

    def fitted(self, index: int, size: int, how: Fit) -> tuple[Tensor, bytes, Header]:
        """The image as a square, uint8 (3, size, size), with its encoded bytes and header; raises UnreadableImage."""
        content = self.content(index)
        square, header = decode_fitted(content, self.items[index].name, size, how)
        return square, content, header

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 (N,), the class numbers of all items."""
        return np.fromiter((item.label for item in self.items), np.int64, len(self.items))

    def squares(self, indices: Sequence[int], size: int, how: Fit) -> Tensor:
        """Many images as squares, uint8 (n, 3, size, size); raises UnreadableImage for the first that cannot be read."""
        return torch.stack([self.fitted(index, size, how)[0] for index in indices])

    def fill_squares(self, rows: range, squares: Tensor, how: Fit) -> Iterator[tuple[bytes, Header] | UnreadableImage]:
        """Write the images `rows` into `squares`, uint8 (n, 3, size, size); yields the bytes and header of each, or the error.

        The square of an image that cannot be read is black.
        """
        for index, square in zip(rows, squares, strict=True):
            try:
                fitted, content, header = self.fitted(index, squares.shape[-1], how)
            except UnreadableImage as problem:
                square.zero_()
                yield problem
                continue
            square.copy_(fitted)
            yield content, header

    def header(self, index: int) -> Header:
        """Format, size and mode of an image, without decoding it; raises UnreadableImage."""
        return read_header(self.content(index), self.items[index].name)

    def native_side(self) -> int:
        """The median short side, in pixels, of a sample of the images; raises BadDataset if none of them can be read."""
        headers = self.sample_headers()
        if not headers:
            raise BadDataset(f"None of the pictures sampled from {self.name} can be read. `alexnet inspect {self.name}` shows why.")
        return median_low([min(header.width, header.height) for header in headers])

    @property
    def is_uneven(self) -> bool:
        """Whether the classes of the images that can train differ by much in size."""
        return is_uneven(Counter(item.label for item in self.items if item.split in (None, "train")).values())

    def sampled_traits(self) -> Traits:
        """The traits that the class names and the headers of a sample suggest."""
        headers = self.sample_headers()
        gray = bool(headers) and all(header.mode in ("1", "L") or header.mode.startswith("I") for header in headers)
        return traits_of(self.classes, gray=gray)

    def sample_headers(self, most: int = SAMPLE) -> list[Header]:
        """The headers of up to `most` images, spaced evenly and read once; unreadable images are left out."""
        known: dict[int, list[Header]] = self.__dict__.setdefault("_sampled_headers", {})
        if most not in known:
            known[most] = self._read_headers(most)
        return known[most]

    def _read_headers(self, most: int) -> list[Header]:
        headers = []
        for index in range(0, len(self.items), -(-len(self.items) // most) or 1):
            try:
                headers.append(self.header(index))
            except UnreadableImage:
                continue
        return headers


def traits_of(classes: Sequence[str], *, gray: bool) -> Traits:
    """Safe defaults for class names in English and Chinese.

    No flips for digits, letters and classes with a left and a right; no recolouring if a class name contains a colour or a ripeness. A
    Chinese character alone is a word (猫, 狗), but where all images are gray it may be what they show, as in handwriting.
    """
    words = {word for name in classes for word in re.findall(r"[a-z]+", name.lower())}
    sided = bool(words & SIDED) or _holds(classes, SIDED_CHINESE)
    coloured = bool(words & COLOURS) or _holds(classes, COLOURS_CHINESE)
    return Traits(
        flip=not sided and not all(_is_character(name, gray=gray) for name in classes), colour=not gray and not coloured, gray=gray
    )


def _is_character(name: str, *, gray: bool) -> bool:
    """Whether the images of a class of that name show a digit, a letter or another character."""
    return name.isnumeric() or name.lower() in NUMBER_WORDS or (len(name) == 1 and (gray or not _is_chinese(name)))


def _is_chinese(character: str) -> bool:
    return unicodedata.name(character, "").startswith("CJK UNIFIED")


def _holds(classes: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the name of a class has one of the words in it; Chinese has no spaces between words."""
    return any(word in name for name in classes for word in words)


class Part(Dataset):
    """The images `indices` of `whole`, in that order; image i of the part is image indices[i] of the whole."""

    def __init__(self, whole: Dataset, indices: Sequence[int]) -> None:
        self.whole, self.indices = whole, tuple(indices)
        self.name, self.classes = whole.name, whole.classes
        self.items = tuple(whole.items[index] for index in self.indices)

    @property
    def is_decoded(self) -> bool:  # type: ignore[override]  # a property, as the whole may differ
        """Whether the whole's pixels are in memory."""
        return self.whole.is_decoded

    @property
    def traits(self) -> Traits:
        """The traits of the whole."""
        return self.whole.traits

    def content(self, index: int) -> bytes:
        """The encoded file; raises UnreadableImage."""
        return self.whole.content(self.indices[index])

    def image(self, index: int) -> Tensor:
        """The upright image, uint8 (3, H, W); raises UnreadableImage."""
        return self.whole.image(self.indices[index])

    def header(self, index: int) -> Header:
        """Format, size and mode; raises UnreadableImage."""
        return self.whole.header(self.indices[index])

    def fitted(self, index: int, size: int, how: Fit) -> tuple[Tensor, bytes, Header]:
        """The image as a square, with its bytes and header; raises UnreadableImage."""
        return self.whole.fitted(self.indices[index], size, how)
