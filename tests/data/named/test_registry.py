"""The data sets that torchvision downloads: put together, and what a user reads without internet."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

from alexnet.data.open import open_dataset
from alexnet.errors import BadDataset


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_internet_the_others_say_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("Error downloading:\nName or service not known")

    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path))
    monkeypatch.setattr(torchvision.datasets, name.upper(), refuse)
    with pytest.raises(BadDataset, match=f"{name} is not in .*torchvision and cannot be downloaded .*Connect to the internet once"):
        open_dataset(name)


class FakeMNIST:
    def __init__(self, root: Path, *, train: bool, download: bool) -> None:
        count = 6 if train else 3
        self.data = torch.arange(count, dtype=torch.uint8)[:, None, None].expand(-1, 28, 28)
        self.targets = torch.arange(count)


class FakeCIFAR10:
    def __init__(self, root: Path, *, train: bool, download: bool) -> None:
        count = 6 if train else 3
        self.data = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
        self.targets = list(range(count))


@pytest.mark.parametrize(("name", "fake", "side"), [("mnist", FakeMNIST, 28), ("cifar10", FakeCIFAR10, 32)])
def test_sets_from_torchvision_are_put_together(name: str, fake: type, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    monkeypatch.setattr(torchvision.datasets, name.upper(), fake)
    dataset = open_dataset(name)
    assert [item.split for item in dataset.items] == ["train"] * 6 + ["test"] * 3
    assert [item.label for item in dataset.items] == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert dataset.image(7).shape == (3, side, side)
    assert int(dataset.image(7)[0, 0, 0]) == 1
