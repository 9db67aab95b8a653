"""Classes from a table: what spreadsheets save is read, and what is wrong is named by its row."""

from pathlib import Path

import pytest
from PIL import Image

from alexnet.data.labels_file import with_labels
from alexnet.data.open import open_dataset
from alexnet.data.verbs import inspect, pack
from alexnet.errors import BadDataset
from alexnet.storage.spreadsheets import csv_text

ROWS = "file,class,split\na.png,cat,train\ndeep/b.png,dog,val\nc.png,cat,\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(("a.png", "deep/b.png", "c.png", "unlisted.png")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 8), (40 * number, 90, 0)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def table(photos: Path, content: str | bytes) -> Path:
    path = photos.parent / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        "\ufeff" + ROWS,
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t").encode("utf-16"),
        ROWS.replace("\n", "\r\n") + "\r\n,,\r\n",
        "Class , FILE,note,Split\ncat,./a.png,x,train\ndog,deep\\b.png,,validation\ncat,c.png\n",
    ],
    ids=["commas", "byte order mark", "semicolons", "tabs in UTF-16", "empty rows", "other columns"],
)
def test_tables_as_spreadsheets_save_them(photos: Path, content: str | bytes) -> None:
    dataset = open_dataset(with_labels(photos, table(photos, content)))
    assert dataset.classes == ("cat", "dog")
    found = [(item.name, dataset.classes[item.label], item.split) for item in dataset.items]
    assert found == [("a.png", "cat", "train"), ("c.png", "cat", None), ("deep/b.png", "dog", "validation")]
    assert dataset.outside == ("unlisted.png",)
    assert any("1 picture is not in" in remark for remark in dataset.remarks)
    assert dataset.image(0).shape == (3, 8, 9)


def test_cells_that_were_written_for_spreadsheets(photos: Path) -> None:
    """A table of ours: names that look like formulas have an apostrophe in front."""
    for name in ("=1+1.png", "'@.png"):
        (photos / "a.png").with_name(name).write_bytes((photos / "a.png").read_bytes())
    rows = [("file", "class"), ("=1+1.png", "+new"), ("'@.png", "=cmd"), ("a.png", "'s-hertogenbosch")]
    dataset = open_dataset(with_labels(photos, table(photos, csv_text(rows))))
    assert {(item.name, dataset.classes[item.label]) for item in dataset.items} == set(rows[1:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,class\na.png,cat\ngone.png,dog\n", "row 3: gone.png is no picture in"),
        ("file,class\na.png,cat\n./a.png,dog\n", "row 3: ./a.png is in row 2 already"),
        ("file,class,split\na.png,cat,sometimes\n", "row 2: 'sometimes' is no split. Splits are train, validation and test."),
        ("file,class\na.png,\n", r"row 2 \(a.png\) has no class"),
        ("file,class\n,cat\n", "row 2 has no file"),
        ("a.png,cat\n", "needs a first row with the columns file and class.*it has 'a.png,cat'"),
        ("", "needs a first row"),
        ("file,class\n", "has no rows below its header"),
        ('file,class\n"a.png,cat\n', "is not a table that can be read"),
        (b"file,class\n\xff.png,cat\n", "is not text in UTF-8"),
        ("file,class\n" + "x.png,cat\n" * 7, "row 6: x.png is no picture in .*; and 2 more"),
    ],
)
def test_what_is_wrong_is_named_by_its_row(photos: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(BadDataset, match=message):
        open_dataset(with_labels(photos, table(photos, content)))


def test_tables_and_data_that_are_not_there(photos: Path) -> None:
    with pytest.raises(BadDataset, match=r"table of labels .*gone.csv cannot be opened"):
        open_dataset(with_labels(photos, photos / "gone.csv"))
    with pytest.raises(BadDataset, match="no folder or archive at 'digits'"):
        open_dataset(with_labels("digits", table(photos, ROWS)))
    with pytest.raises(BadDataset, match="has a colon"):
        with_labels(photos, "C:labels.csv")


def test_verbs_take_a_table(photos: Path, tmp_path: Path) -> None:
    labels = table(photos, ROWS)
    assert inspect(photos, labels=labels).counts["cat"] == {"train": 1, "validation": 0, "unsplit": 1}
    assert pack(photos, tmp_path / "out.zip", labels=labels).n == 3
    assert open_dataset(tmp_path / "out.zip").classes == ("cat", "dog")
