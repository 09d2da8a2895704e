"""The proof that comparison keys follow their codes. SQL cannot compute the keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import models.queries.proofs.code_keys as code_keys
from domain.values.codes import comparison_key
from models.database.sessions import Session

PAGE = 5_000


async def wrong_keys(session: Session) -> AsyncIterator[tuple[str, str | None, str | None]]:
    """Each code with another key than its own: (place, expected, found)."""
    for table, code, key in code_keys.columns():
        async for rows in code_keys.codes_of(session, table, code, key, PAGE):
            for row in rows:
                given = row["code"]
                expected = None if given is None else comparison_key(given)
                if row["key"] != expected:
                    yield f"{table}.{code} {given}", expected, row["key"]
