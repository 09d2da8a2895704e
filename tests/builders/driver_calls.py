"""The calls that PostgreSQL's driver makes, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from models.database.connections import Connection

_CALLS = ("execute", "fetch", "fetchrow")


def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the text of every call of every connection from now on."""
    calls: list[str] = []
    for name in _CALLS:
        _record(monkeypatch, name, calls)
    return calls


def _record(monkeypatch: pytest.MonkeyPatch, name: str, calls: list[str]) -> None:
    call = getattr(Connection, name)

    async def recorded(self: Connection, query: str, *args: Any, **options: Any) -> Any:
        calls.append(query)
        return await call(self, query, *args, **options)

    monkeypatch.setattr(Connection, name, recorded)
