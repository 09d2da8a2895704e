"""Dependencies of the repository: those in the lock files, and the vendored files of npm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-redis.lock")
VENDORED = ROOT / "web" / "graphiql" / "licenses"
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_VENDORED = re.compile(r"^(?P<name>.+)-(?P<version>\d+\.\d+\.\d+)$")


@dataclass(frozen=True, slots=True)
class Package:
    """A dependency at its version; those of npm are named `npm:…`."""

    name: str
    version: str
    source: str
    hashes: int


def locked(text: str, source: str) -> Iterator[Package]:
    """The packages of a lock file. A requirement without a version is one without hashes."""
    for part in re.split(r"\n(?=[A-Za-z0-9])", "\n" + text):
        entry = part.strip()
        if not entry or entry.startswith("#"):
            continue
        pinned = _PINNED.match(entry)
        name = pinned["name"] if pinned else entry.splitlines()[0]
        version = pinned["version"] if pinned else ""
        yield Package(name.lower(), version, source, entry.count("--hash=sha256:"))


def packages() -> list[Package]:
    """All packages of the lock files."""
    return [each for name in LOCKS for each in locked((ROOT / name).read_text(), name)]


def vendored() -> list[Package]:
    """The packages of npm whose files are in the repository; a test compares their hashes."""
    names = [_VENDORED.match(file.stem) for file in sorted(VENDORED.glob("*.txt"))]
    return [Package(f"npm:{n['name']}", n["version"], "web/graphiql", 1) for n in names if n]
