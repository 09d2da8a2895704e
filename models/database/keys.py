"""Columns that hold the comparison key of a code; they are filled wherever a row is inserted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tortoise import fields
from tortoise.models import Model

from domain.values.codes import comparison_key

Rows = Sequence[Mapping[str, Any]]


class KeyField(fields.TextField):
    """The comparison key of the code in the field `of`; null where that is null.

    It is computed from the code when a row is inserted. A queryset may be asked for the code as it
    was typed: `Channel.filter(code_key="Web ")`.
    """

    def __init__(self, of: str) -> None:
        super().__init__(null=True)
        self.of = of

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> str | None:
        """The key of the row's own code, or of the code that a filter names."""
        code = getattr(instance, self.of) if isinstance(instance, Model) else value
        return None if code is None else comparison_key(code)


@lru_cache(maxsize=512)
def key_columns(model: type[Model], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(code, key) of the keys that rows with these columns of a model have."""
    return tuple(
        (field.of, name)
        for name, field in model._meta.fields_map.items()
        if isinstance(field, KeyField) and field.of in names
    )


def keys_in(rows: Rows, code: str) -> list[str | None]:
    """The key of a code of each row."""
    return [key_of(row[code]) for row in rows]


def key_of(code: str | None) -> str | None:
    """The key of a code; None if there is none."""
    return None if code is None else comparison_key(code)


def shown_columns(model: type[Model], alias: str) -> str:
    """The columns of a table under an alias, without its keys: only the database compares them."""
    return ", ".join(
        f"{alias}.{field.source_field or name}"
        for name, field in model._meta.fields_map.items()
        if not isinstance(field, KeyField)
    )
