"""Conversion of values for SQLite: instants and ids are stored as texts, lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg.pgproto.pgproto as pgproto


@lru_cache(maxsize=1_024)
def instant_text(instant: datetime) -> str:
    """An instant as stored in SQLite: UTC with microseconds, so that texts sort by time."""
    return instant.astimezone(UTC).isoformat(" ", "microseconds")


def encode(value: object) -> object:
    """A parameter as stored in SQLite."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return json.dumps([encode(element) for element in value])
    return value


def encoded_column(column: list[Any], kind: str) -> list[Any]:
    """The values of a column as stored in SQLite; most types need no conversion."""
    encode = instant_text if kind == "timestamptz" else str if kind == "uuid" else None
    if encode is None:
        return column
    return [None if value is None else encode(value) for value in column]


def _instant(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _identity(value: Any) -> Any:
    return pgproto.UUID(value) if isinstance(value, str) else value


def decoder(name: str) -> Callable[[Any], Any] | None:
    """The decoder for a column of this name; None: values are returned unchanged."""
    name = name.rpartition(".")[2]  # of a row that came along with another
    if name.endswith("_at"):
        return _instant
    return _identity if name == "id" or name.endswith("_id") else None


@lru_cache(maxsize=2048)
def decoders(names: tuple[str, ...]) -> tuple[Callable[[Any], Any] | None, ...]:
    """The decoders for columns of these names."""
    return tuple(decoder(name) for name in names)


@lru_cache(maxsize=2048)
def decoded_columns(
    names: tuple[str, ...],
) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The columns of these names that have a decoder."""
    found = ((name, decoder(name)) for name in names)
    return tuple((name, decode) for name, decode in found if decode is not None)
