"""Copies in class folders: nothing is overwritten, and the list undoes what it lists alone."""

from pathlib import Path

import pytest

from alexnet.errors import AlexNetError
from alexnet.inference.prediction import Prediction
from alexnet.inference.sorting import Sorted, folder_name, sort_images, undo_sort

CLASSES = ("cat", "dog")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "deep/a.jpg", "c.jpg", "=1+1.jpg"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).write_bytes(name.encode())
    return tmp_path / "album"


def answered(album: Path) -> list[tuple[Prediction, Path]]:
    tops = {"a.jpg": ("cat", 0.9), "b.jpg": ("dog", 0.5), "deep/a.jpg": ("cat", 0.8), "=1+1.jpg": ("dog", 0.99)}
    answers = [(Prediction(name, (top,)), album / name) for name, top in tops.items()]
    return [*answers, (Prediction("c.jpg", (), "is cut short"), album / "c.jpg")]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_copies_go_into_class_folders_and_the_unsure_into_their_own(album: Path, tmp_path: Path) -> None:
    before, out = files(album), tmp_path / "out"
    done = sort_images(answered(album), out, CLASSES, least=0.6)
    assert done == Sorted(list=str(out / "sorted.csv"), copied=3, unsure=1)
    assert set(files(out)) == {"cat/a.jpg", "cat/a-2.jpg", "unsure/b.jpg", "dog/=1+1.jpg", "sorted.csv"}
    assert files(out)["cat/a-2.jpg"] == b"deep/a.jpg"
    assert files(album) == before


def test_nothing_is_overwritten_and_the_list_undoes_its_own_copies_alone(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "cat").mkdir(parents=True)
    (out / "cat" / "a.jpg").write_bytes(b"mine")
    (out / "sorted.csv").write_bytes(b"mine too")
    before = files(out)
    done = sort_images(answered(album), out, CLASSES)
    assert before.items() <= files(out).items()
    (out / "cat" / "a-2.jpg").write_bytes(b"edited since")
    undone = undo_sort(done.list)
    assert (undone.removed, undone.kept) == (3, (str(out / "cat" / "a-2.jpg"),))
    assert files(out).keys() == before.keys() | {"cat/a-2.jpg", "sorted-2.csv"}
    (out / "cat" / "a-2.jpg").unlink()
    assert undo_sort(done.list).removed == 0
    assert files(out) == before
    assert not (out / "dog").exists()


def test_a_copy_that_was_never_made_does_not_stop_the_undoing(album: Path, tmp_path: Path) -> None:
    """As after a power failure: the row is written first."""
    done = sort_images(answered(album), tmp_path / "out", CLASSES)
    (tmp_path / "out" / "dog" / "b.jpg").unlink()
    assert undo_sort(done.list).removed == 3
    assert files(tmp_path / "out") == {}


@pytest.mark.parametrize("copy", ["../album/a.jpg", "/etc/passwd", "cat/../../album/a.jpg", "a.jpg"])
def test_a_list_that_names_files_elsewhere_is_refused(album: Path, tmp_path: Path, copy: str) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(f"original,copy,class,probability,sha256\nx,{copy},cat,1,00\n")
    with pytest.raises(AlexNetError, match="not in a folder beside the list"):
        undo_sort(listed)
    assert (album / "a.jpg").exists()


@pytest.mark.parametrize(
    "text",
    ["", "buy milk\n", "a,b\n1,2\n", '"\n', "original,copy\n", "original,copy,class,probability,sha256\nx,cat/a.jpg,cat,1,00,more\n"],
)
def test_what_is_no_list_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    """A file of one line has no rows, and must not be taken for a list whose copies are all removed."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(AlexNetError, match="is not a list of sorted pictures"):
        undo_sort(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == text
    with pytest.raises(AlexNetError, match="cannot be opened"):
        undo_sort(tmp_path / "gone.csv")


def test_a_list_of_no_copies_is_undone(tmp_path: Path) -> None:
    done = sort_images([(Prediction("c.jpg", (), "is cut short"), tmp_path / "c.jpg")], tmp_path / "out", CLASSES)
    assert undo_sort(done.list).removed == 0
    assert not Path(done.list).exists()


@pytest.mark.parametrize(("name", "folder"), [("cat", "cat"), ("a/b", "a_b"), ("..", "_.."), ("", "_"), ("猫", "猫")])
def test_class_names_as_folders(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_a_class_called_unsure_keeps_its_folder(album: Path, tmp_path: Path) -> None:
    sort_images(answered(album)[:2], tmp_path / "out", ("cat", "dog", "unsure"), least=0.6)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cat", "_unsure", "sorted.csv"}


def test_a_probability_is_from_0_to_1(album: Path, tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match="least is 80; it is a probability"):
        sort_images(answered(album), tmp_path / "out", CLASSES, least=80)
