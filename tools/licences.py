"""`make licences`: write docs/licences.md, the licence of every package that alexnet installs, as the package itself states it."""

import re
from importlib.metadata import metadata
from pathlib import Path

LOCK, PAGE = Path("requirements.lock"), Path("docs/licences.md")
HEAD = """# Licences

alexnet is under the [MIT licence](../LICENSE). `make install` installs these packages (requirements.lock), each under its own licence, as
the package states it. `make licences` writes this page.

| package | version | licence |
|---|---|---|
"""


def main() -> int:
    """Write the page from the lock and the installed packages."""
    PAGE.write_text(page(LOCK.read_text("utf-8")), "utf-8")
    return 0


def page(lock: str) -> str:
    """The page for the packages of a lock, which must be installed."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    return HEAD + "".join(
        f"| {name} | {version} | {licence_of(name)} |\n" for name, version in sorted(pinned, key=lambda one: one[0].lower())
    )


def licence_of(package: str) -> str:
    """The licence in a package's metadata: an SPDX expression, or what its classifiers or its field say."""
    stated = metadata(package)
    classified = [line.rpartition(" :: ")[2] for line in stated.get_all("Classifier") or [] if line.startswith("License ::")]
    expression, text = (next(iter(stated.get_all(field) or []), "") for field in ("License-Expression", "License"))
    return expression or ", ".join(classified) or (text or "not stated").splitlines()[0]


if __name__ == "__main__":
    raise SystemExit(main())
