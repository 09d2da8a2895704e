"""Version 8: no row is written to an index that nobody reads by, or for a value that it lacks.

Nobody asks for the events of one subject, and each of them went to another page of that index; keys
are asked for with their actor; most holds have no reference, and most movements no reason. Of what
PostgreSQL and SQLite take for holds over many SKUs it was a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_STATEMENTS = (
    "DROP INDEX event_subject",
    "DROP INDEX idempotency_key_key",
    "DROP INDEX stock_movement_reason",
    "CREATE INDEX stock_movement_reason ON stock_movement (reason_id) WHERE reason_id IS NOT NULL",
    "DROP INDEX reservation_by_reference",
    "CREATE INDEX reservation_by_reference ON reservation (external_reference, channel_id)"
    " WHERE external_reference IS NOT NULL",
)


def statements(_: Engine) -> Iterator[str]:
    """Every statement of this version, in order; the same on both engines."""
    yield from _STATEMENTS
