"""A page that is sent to somebody does not tell whose computer it was made on."""

from pathlib import Path

import pytest

from alexnet.i18n.places import data_name, without_home


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("/home/ann/photos/", "photos"),
        ("../ann/photos.zip", "photos.zip"),
        ("digits", "digits"),
        ("Fashion-MNIST", "Fashion-MNIST"),
        ("labels:/home/ann/classes.csv:/home/ann/my photos", "my photos"),
        ("imagenet:/home/ann/2012", "imagenet:2012"),
        (r"C:\Users\ann\photos", "photos"),
        ("/", "/"),
        ("", ""),
        ("/home/ann/猫\x1b[2J", "猫\ufffd[2J"),
    ],
)
def test_a_data_set_is_shown_by_its_name(data: str, name: str) -> None:
    assert data_name(data) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alexnet train /home/ann/photos --out /home/ann/runs/a-again", "alexnet train ~/photos --out ~/runs/a-again"),
        ("alexnet train '/home/ann/my photos' --seed 1", "alexnet train ~/'my photos' --seed 1"),
        ("alexnet train /Users/ann/photos --labels=/root/t.csv", "alexnet train ~/photos --labels=~/t.csv"),
        ("labels:/home/ann/t.csv:/home/ann", "labels:~/t.csv:~"),
        ('data = "/home/ann/photos"\n', 'data = "~/photos"\n'),
        (r'data = "C:\\Users\\ann\\photos"', r'data = "~\\photos"'),
        (
            "/mnt/home/ann/photos /data/photos /rooted /homes/x photos/home/ann",
            "/mnt/home/ann/photos /data/photos /rooted /homes/x photos/home/ann",
        ),
    ],
)
def test_home_folders_are_not_shown(text: str, shown: str) -> None:
    assert without_home(text) == shown


def test_nor_is_the_home_folder_of_whoever_makes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert without_home(f"alexnet report {tmp_path}/runs/a {tmp_path}er") == f"alexnet report ~/runs/a {tmp_path}er"
