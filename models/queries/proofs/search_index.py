"""Items are found by their SKU, name and barcode: their search texts, and SQLite's search index.

The texts are folded with Python's Unicode tables, which SQL does not have. PostgreSQL keeps its own
index; SQLite's index is a table that triggers keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from domain.values.search_texts import search_text
from models.database.sessions import Session
from models.queries.proofs.invariants import DIFFERENCES_MAX, DifferenceRow

PAGE: Final = 2_000


class _TextRow(TypedDict):
    id: int
    sku: str
    name: str
    barcode: str | None
    found: str | None


_TEXTS = f"""
SELECT i.id, i.sku, i.name, i.barcode, t.search_text AS found
FROM item i LEFT JOIN item_text t ON t.item_id = i.id
WHERE i.id > $1 ORDER BY i.id LIMIT {PAGE}
"""

# Each text is looked up by parts of four characters that cover it.
_MISSING = f"""
SELECT i.sku AS place, 'in the search index' AS expected, 'missing' AS found
FROM item_text t JOIN item i ON i.id = t.item_id WHERE NOT EXISTS (
  SELECT 1 FROM item_search s WHERE s.rowid = t.item_id AND s.item_search MATCH (
    WITH RECURSIVE place (n) AS (
      SELECT 1 UNION ALL SELECT n + 4 FROM place WHERE n + 4 <= length(t.search_text))
    SELECT group_concat('"' || hex(substr(t.search_text, n, 4)) || '"', ' ') FROM place))
LIMIT {DIFFERENCES_MAX + 1}
"""


async def differences(session: Session) -> Sequence[DifferenceRow]:
    """Items that a search for their own texts would not find, some more than DIFFERENCES_MAX."""
    found = await _differing_texts(session)
    if session.engine == "sqlite":
        found += await session.rows(DifferenceRow, _MISSING)
    return found


async def _differing_texts(session: Session) -> list[DifferenceRow]:
    found: list[DifferenceRow] = []
    last = -1
    while len(found) <= DIFFERENCES_MAX:
        rows = await session.rows(_TextRow, _TEXTS, last)
        if not rows:
            break
        last = rows[-1]["id"]
        for row in rows:
            expected = search_text(row["sku"], row["name"], row["barcode"])
            if row["found"] != expected:
                text = "no search text" if row["found"] is None else row["found"]
                found.append(DifferenceRow(place=row["sku"], expected=expected, found=text))
    return found
