"""Version 42: a scan finds transfers by their tracking number, in any spelling."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.backfills.code_keys import CodeColumn, CodeKeys
from models.migrations.dialect import Engine, render

_COLUMN = (
    "ALTER TABLE transfer ADD COLUMN tracking_number_key {text} CHECK (tracking_number_key <> '')"
)
_INDEX = (
    "CREATE INDEX transfer_tracking ON transfer (tracking_number_key)"
    " WHERE tracking_number_key IS NOT NULL"
)


def statements(engine: Engine) -> Iterator[str]:
    """The statement that adds the column."""
    yield render(engine, _COLUMN)


def _finish(_: Engine) -> Iterator[str]:
    """The statement that follows when the keys are filled."""
    yield _INDEX


KEYS = CodeKeys((CodeColumn("transfer", "tracking_number"),), (), _finish)
