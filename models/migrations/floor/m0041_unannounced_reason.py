"""Version 41: the reason of returns that a parcel without an announcement opens."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_STATEMENT = (
    "INSERT INTO reason_code (code, kind, label, active, code_key)"
    " SELECT 'UNANNOUNCED', 'RETURN', 'Came back without a request', TRUE, 'unannounced'"
    " WHERE NOT EXISTS (SELECT 1 FROM reason_code WHERE kind = 'RETURN'"
    " AND code_key = 'unannounced')"
)


def statements(engine: Engine) -> Iterator[str]:
    """The one statement of this version, the same on both engines."""
    yield _STATEMENT
