"""Which names of folders mean a split: train2017, seg_test, dev-set, Validation, 测试集.

A name is read word by word: a word for a split, digits, words such as "images" or "set" that say nothing, and others. Other words (the
`seg` of seg_train and seg_test) are accepted only where several names share them and differ in the split: train_station and test_tube are
things.
Independent of files and of what is in the folders.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports PyTorch
    from alexnet.data.dataset import SplitName

EVALUATION = "evaluation"  # the test set, unless another folder says that it is the test set
WORDS: dict[str, str] = {
    **dict.fromkeys(("train", "training", "trn", "trainset", "trainval", "训练", "训练集"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "valset", "dev", "devel", "development", "devset"), "validation"),
    **dict.fromkeys(("验证", "验证集"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "testset", "holdout", "heldout", "测试", "测试集"), "test"),
    **dict.fromkeys(("eval", "evaluation", "evalset", "评估"), EVALUATION),
}
ALONE = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})  # mean a split even without another one beside
EMPTY_WORDS = frozenset(
    "set sets split splits subset part data dataset datasets image images img imgs picture pictures photo photos jpeg jpg png file files "
    "folder".split()
)
COMBINED = {frozenset({"train", "validation"}): "train", frozenset({"validation", "test"}): "test"}  # train_val, test-dev


@dataclass(frozen=True, slots=True)
class _SplitWord:
    """What a name says: its split (or EVALUATION), and its words that say nothing about splits."""

    split: str
    others: tuple[str, ...]


def split_folders(names: Collection[str]) -> "dict[str, SplitName]":
    """The split of each of the `names`, folders side by side, that is the name of a split; {} if none is.

    One of them alone (`train` among vehicles) counts only if its whole name is a word such as train or test.
    """
    said = {name: word for name in names if (word := _read(name)) is not None}
    together: dict[tuple[str, ...], set[str]] = {}
    for word in said.values():
        together.setdefault(word.others, set()).add(word.split)
    known = {name: word.split for name, word in said.items() if len(together[word.others]) > 1 or name.lower() in ALONE}
    evaluation: SplitName = "validation" if "test" in known.values() else "test"
    return {name: _plain(split, evaluation) for name, split in sorted(known.items())}


def is_split_alone(name: str) -> bool:
    """Whether the name means a split even if there is no other folder beside it."""
    return name.lower() in ALONE


def says_nothing(name: str) -> bool:
    """Whether all words of a name are such as "images" or "set"."""
    words = _words(name)
    return bool(words) and set(words) <= EMPTY_WORDS


def _plain(split: str, evaluation: "SplitName") -> "SplitName":
    if split == EVALUATION:
        return evaluation
    return "train" if split == "train" else "validation" if split == "validation" else "test"


def _read(name: str) -> _SplitWord | None:
    words = _words(name)
    splits = frozenset(WORDS[word] for word in words if word in WORDS)
    split = next(iter(splits)) if len(splits) == 1 else COMBINED.get(splits)
    if split is None:
        return None
    return _SplitWord(split, tuple(word for word in words if word not in WORDS and word not in EMPTY_WORDS))


def _words(name: str) -> list[str]:
    """The words of a name in lower case, without digits: TrainImages_2017 -> train, images."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    return re.findall(r"[^\W\d_]+", re.sub(r"\b(hold|held)[\W_]+out\b", r"\1out", apart.lower()))
