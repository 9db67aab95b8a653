"""What several attacks share."""

import random
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 20 textures of 32 px."""
    folder, chance = tmp_path_factory.mktemp("data") / "squares", random.Random(0)
    for side in (2, 5, 11):
        (folder / f"stripes {side}").mkdir(parents=True)
        for number in range(20):
            pixels = bytes((255 if (x + number) // side % 2 else 40) ^ chance.randrange(32) for _ in range(32) for x in range(32))
            Image.frombytes("L", (32, 32), pixels).save(folder / f"stripes {side}" / f"{number}.png")
    return folder


@pytest.fixture
def images(digits_folder: Path) -> dict[str, list[Path]]:
    """Real digits by class, 12 of each of three classes."""
    return {name: sorted((digits_folder / name).iterdir())[:12] for name in ("0", "1", "2")}
