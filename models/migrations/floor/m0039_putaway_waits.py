"""Version 39: the sweep of exceptions finds units that wait to be put away, and uncertain labels.

Each has a partial index by the time of its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_STATEMENTS = (
    "CREATE INDEX task_putaway ON task (created_at, subject_key)"
    " WHERE queue = 'PUTAWAY' AND status IN ('OPEN','CLAIMED')",
    "CREATE INDEX shipping_label_uncertain ON shipping_label (first_sent_at, id)"
    " WHERE status = 'UNKNOWN'",
)


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield from _STATEMENTS
