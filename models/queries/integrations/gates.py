"""Integrations of the settings that must not be called now."""

from __future__ import annotations

from models.database.sessions import Session

_STILL = "SELECT code_key FROM integration WHERE status IN ('PAUSED', 'OFF')"


async def still_codes(session: Session) -> set[str]:
    """The keys of the codes of integrations that are PAUSED or OFF."""
    return {row["code_key"] for row in await session.fetch(_STILL)}
