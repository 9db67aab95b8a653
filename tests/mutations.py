"""Seeded changes of bytes: flipped bits, cuts, insertions, doubled and emptied blocks. Where a parser is ours, see test_mutated_files."""

import os
from collections.abc import Callable, Iterator
from random import Random

EXAMPLES = int(os.environ.get("ALEXNET_EXAMPLES", "40"))
LONGEST = 600  # bytes of a block


def mutations(content: bytes, *, seed: int, count: int = EXAMPLES) -> Iterator[bytes]:
    """`count` versions of the content, each with one to three changes; more of them near the start and the end, where headers are."""
    for number in range(count):
        random, changed = Random(f"{seed} {number}"), content
        for _ in range(random.randint(1, 3)):
            changed = random.choice(CHANGES)(changed, place_in(changed, random), random)
        yield changed


def place_in(content: bytes, random: Random) -> int:
    first, last = min(len(content), LONGEST), max(0, len(content) - LONGEST)
    return random.choice([random.randint(0, first), random.randint(last, len(content)), random.randint(0, len(content))])


def flipped(content: bytes, place: int, random: Random) -> bytes:
    if place >= len(content):
        return content
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


def overwritten(content: bytes, place: int, random: Random) -> bytes:
    """A few bytes of an extreme number."""
    number = random.choice([b"\0", b"\xff", b"\x7f", b"\x80", b"9", b"-", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff" * 8, b"7" * 11])
    return content[:place] + number + content[place + len(number) :]


def cut(content: bytes, place: int, random: Random) -> bytes:
    return content[:place] if random.random() < 0.5 else content[:place] + content[place + random.randint(1, LONGEST) :]


def inserted(content: bytes, place: int, random: Random) -> bytes:
    return content[:place] + random.randbytes(random.choice([1, 2, 4, 30, 512])) + content[place:]


def doubled(content: bytes, place: int, random: Random) -> bytes:
    end = place + random.choice([1, 8, 46, 512])
    return content[:end] + content[place:]


def emptied(content: bytes, place: int, random: Random) -> bytes:
    size = min(random.choice([1, 4, 64, 512]), len(content) - place)
    return content[:place] + bytes(size) + content[place + size :]


CHANGES: list[Callable[[bytes, int, Random], bytes]] = [flipped, flipped, overwritten, overwritten, cut, inserted, doubled, emptied]
