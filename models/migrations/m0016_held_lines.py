"""Version 16: a hold's lines know until when they are held, and indexes contain only held lines.

The expired holds of an item, and the live ones, are found by one range of an index. Its length does
not depend on the number of other holds, nor on the number of ended holds of the item.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    "ALTER TABLE reservation_line ADD COLUMN held_until_at {instant}",
    "UPDATE reservation_line SET held_until_at = (SELECT r.expires_at FROM reservation r"
    " WHERE r.id = reservation_id) WHERE reservation_id IN"
    " (SELECT id FROM reservation WHERE status = 'HELD')",
    "DROP INDEX reservation_line_item",
    "DROP INDEX reservation_line_location",
    "CREATE INDEX reservation_line_item ON reservation_line (item_id, held_until_at)"
    " WHERE held_until_at IS NOT NULL",
    "CREATE INDEX reservation_line_location ON reservation_line (location_id)"
    " WHERE held_until_at IS NOT NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
