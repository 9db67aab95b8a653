"""axe-core, which finds what keeps people with a keyboard or a screen reader out of a page: from npm's archive, by version and checksum.

It is fetched once, into the cache. `$ALEXNET_AXE` may name an axe.min.js instead.
"""

import base64
import hashlib
import io
import os
import tarfile
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from alexnet.exports.web_runtime import registry
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically

ARCHIVE = "axe-core-4.10.3.tgz"
INTEGRITY = "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="  # SHA-512, as npm states it
VIOLATIONS = "axe.run().then(found => found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.target).join(' ')))"


class Missing(Exception):
    """axe-core is not in the cache, and no registry can be reached."""


@cache
def axe_script() -> str:
    """The script; raises Missing."""
    if chosen := os.environ.get("ALEXNET_AXE"):
        return Path(chosen).read_text("utf-8")
    cached = cache_folder() / ARCHIVE
    if not cached.is_file() or not is_published(cached.read_bytes()):
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cached, fetched(f"{registry()}axe-core/-/{ARCHIVE}"))
    with tarfile.open(fileobj=io.BytesIO(cached.read_bytes())) as package:
        file = package.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


def is_published(content: bytes) -> bool:
    """Whether it is the archive that npm published."""
    return base64.b64encode(hashlib.sha512(content).digest()).decode() == INTEGRITY


def fetched(address: str) -> bytes:
    """The archive from there; raises Missing if nobody answers, and fails for another content."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:  # http or https, see `registry`
            content: bytes = answer.read(8 << 20)
    except OSError as problem:
        raise Missing(f"{address} cannot be reached: {problem}") from None
    assert is_published(content), f"{address} is not the archive that npm published"
    return content


def violations(page: Any) -> list[str]:
    """What axe-core finds in a page of Playwright; [] where it cannot be had, which `test_axe_core_can_be_had` says."""
    try:
        page.add_script_tag(content=axe_script())
    except Missing:
        return []
    found: list[str] = page.evaluate(VIOLATIONS)
    return found
