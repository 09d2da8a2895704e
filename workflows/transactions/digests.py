"""Digests of rows that never change: SHA-256 over canonical JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson


def canonical(value: object) -> bytes:
    """Canonical JSON of a value: keys sorted, instants in ISO 8601, ids as text."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
    return orjson.dumps(value, default=str, option=options)


def digest(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_of_all(digests: Iterable[str]) -> str:
    """One digest over several, independent of their order."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
