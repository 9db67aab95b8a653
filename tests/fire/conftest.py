"""How hard the fire is, and what it counted.

`make fire` sets ALEXNET_FIRE, by which every count is multiplied, and ALEXNET_FIRE_COUNTS, a file that takes one line for each kind of
attack; `make test-slow` runs the short form.
"""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

HARDNESS = int(os.environ.get("ALEXNET_FIRE", "1"))
COUNTS = os.environ.get("ALEXNET_FIRE_COUNTS")

Count = Callable[[str, int], None]


@pytest.fixture(scope="session")
def hardness() -> int:
    """By how much every count is multiplied."""
    return HARDNESS


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """count(what, n): n attacks of a kind were made, and all ended as they must."""

    def write(what: str, n: int) -> None:
        if COUNTS:
            with Path(COUNTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"what": what, "n": n, "test": request.node.nodeid}) + "\n")

    return write


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Seeded by the test's name: the same in every session."""
    return random.Random(request.node.nodeid)
