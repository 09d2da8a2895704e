"""Integrations that may not be called as usual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from models.database.sessions import Session


class GateRow(TypedDict):
    """The status of an integration that is not HEALTHY or DEGRADED."""

    code: str
    status: str
    status_since_at: datetime


async def gates(session: Session) -> Sequence[GateRow]:
    """The integrations that are DOWN, RECOVERING, PAUSED or OFF."""
    return await session.rows(
        GateRow,
        "SELECT i.code, i.status, i.status_since_at FROM integration i"
        " WHERE i.status NOT IN ('HEALTHY','DEGRADED')",
    )
