"""A pack that becomes shorter while it is read: a message, where a memory map would end the process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.data.open import open_dataset
from alexnet.data.packs.dataset import PackedDataset
from alexnet.data.packs.writer import pack
from alexnet.errors import UnreadableImage


@pytest.fixture
def packed(tmp_path: Path, digits_folder: Path) -> Path:
    pack(open_dataset(digits_folder), tmp_path / "digits.zip", size=16, workers=1)
    return tmp_path / "digits.zip"


READS = """
import os, sys
from alexnet.data.open import open_dataset
from alexnet.errors import UnreadableImage
dataset = open_dataset(sys.argv[1])
os.truncate(sys.argv[1], 3000)
for index in range(len(dataset.items)):
    try:
        dataset.content(index)
    except UnreadableImage as error:
        print(error)
        break
survey = dataset.known_survey()
print(len(survey.fingerprints.thumbnails), int(survey.fingerprints.thumbnails.sum()) > 0, dataset.items[299].name)
"""


def test_a_pack_that_is_cut_while_it_is_read(packed: Path) -> None:
    done = subprocess.run([sys.executable, "-c", READS, str(packed)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said, survey = done.stdout.splitlines()
    assert re.search(rf"\.jpg is no longer complete in {packed}, which has become shorter$", said)
    assert survey.startswith("300 True 9/")


def test_a_pack_that_is_replaced_stays_as_it_was_opened(packed: Path) -> None:
    dataset = open_dataset(packed)
    assert isinstance(dataset, PackedDataset)
    first = dataset.content(0)
    packed.with_name("other").write_bytes(b"other")
    packed.with_name("other").replace(packed)
    assert dataset.content(0) == first
    os.truncate(packed, 0)
    assert dataset.content(0) == first


def test_a_pack_that_is_gone_when_it_is_first_read(packed: Path) -> None:
    dataset = open_dataset(packed)
    copy = dataset.__reduce__()
    packed.unlink()
    assert copy[1] == (packed,)
    with pytest.raises(UnreadableImage, match="cannot be read"):
        missing(dataset).content(0)


def missing(dataset: object) -> PackedDataset:
    """As another process would open it: the file's descriptor belongs to one process."""
    assert isinstance(dataset, PackedDataset)
    dataset.file.process = -1
    return dataset
