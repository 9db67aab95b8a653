"""onnxruntime-web, which a web export copies beside its page: from npm's archive, by version and checksum. It is not part of this project.

The archive comes from a path, from the cache, or from the registry that the user's npm knows (npm's public one without npm).
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from alexnet.errors import AlexNetError, BadModel
from alexnet.runtime.arguments import path_from
from alexnet.runtime.events import Listener, Message
from alexnet.storage.cache import cache_folder
from alexnet.storage.files import write_atomically, writing
from alexnet.storage.regular_files import open_regular

PACKAGE, VERSION = "onnxruntime-web", "1.22.0"
INTEGRITY = "sha512-Ud/+EBo6mhuaQWt/OjaOk0iNWjXqJoeeMFr6xQEERZdIZH2OWpGzuujz7lfuOBjUa6TEE/sc4nb7Da5dNL34fg=="  # as npm states it
ARCHIVE = f"{PACKAGE}-{VERSION}.tgz"
LARGEST = 64 << 20  # bytes of the archive; it has 20 million
FILES = {  # name in the exported folder: name in the archive
    "ort.js": "package/dist/ort.wasm.min.mjs",
    "ort-wasm.js": "package/dist/ort-wasm-simd-threaded.mjs",
    "ort.wasm": "package/dist/ort-wasm-simd-threaded.wasm",
}
REGISTRY = "https://registry.npmjs.org/"
SECONDS = 60  # without a byte
BY_HAND = f"With internet, `npm pack {PACKAGE}@{VERSION}` writes {ARCHIVE}; then add --runtime {ARCHIVE}."


def web_runtime(archive: str | Path | None, listen: Listener) -> Path:
    """The path of the verified archive, fetched once if no path is passed; raises AlexNetError, with what to do, if it cannot be had."""
    if archive is not None:
        path = path_from(archive, "--runtime", BadModel)
        _check(_content(path), str(path))
        return path
    cached = cache_folder() / ARCHIVE
    if not (cached.is_file() and _is_published(_content(cached))):  # fetched again if it was damaged
        address = f"{registry()}{PACKAGE}/-/{ARCHIVE}"
        listen(Message(f"Fetching {PACKAGE} {VERSION} (20 MB, once) from {address} ..."))
        content = _fetched(address)
        with writing(cached):
            cached.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cached, content)
    return cached


def runtime_files(archive: Path) -> dict[str, bytes]:
    """The content of the runtime's files, by their names in the exported folder; the archive has been verified."""
    found = {}
    with tarfile.open(archive, "r:gz") as package:
        for name, member in FILES.items():
            file = package.extractfile(member)
            assert file is not None
            found[name] = file.read()
    return found


def registry() -> str:
    """The address of the user's npm registry, with a slash at the end."""
    npm = shutil.which("npm")
    if npm is None:
        return REGISTRY
    try:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return REGISTRY
    address = done.stdout.strip()
    return f"{address.rstrip('/')}/" if urlsplit(address).scheme in ("http", "https") else REGISTRY


def _fetched(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310  # http or https, see `registry`
            content: bytes = answer.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        raise AlexNetError(f"{PACKAGE} cannot be fetched from {address} ({problem}). {BY_HAND}") from None
    _check(content, address)
    return content


def _content(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(LARGEST + 1)
    except OSError as problem:
        raise AlexNetError(f"{path} cannot be opened ({problem.strerror or problem}). {BY_HAND}") from None


def _is_published(content: bytes) -> bool:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}" == INTEGRITY


def _check(content: bytes, name: str) -> None:
    if not _is_published(content):
        raise AlexNetError(f"{name} is not {PACKAGE} {VERSION} as it was published: its SHA-512 differs. {BY_HAND}")
