"""Version 27: exceptions are found by their subject.

A parcel that was lost and is delivered looks for the refunds of its order that were asked back.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield "CREATE INDEX operational_exception_subject ON operational_exception (subject_key)"
