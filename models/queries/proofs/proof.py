"""A proof of `reconcile`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """A proven statement in words, and the SQL that finds its violations."""

    name: str
    sql: str
