"""Base class of all tables."""

from __future__ import annotations

from typing import Any

import tortoise.models
from tortoise.models import ModelMeta


class _TableMeta(ModelMeta):
    """Tortoise's metaclass, without its search for comments.

    For each model Tortoise parses the source of the whole module, to describe columns by comments
    that begin with `#:`. There are none here. The search took a tenth of the time to import this
    program without its dependencies.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> _TableMeta:
        made = super().__new__(cls, name, bases, {**attrs, "_no_comments": True})
        assert isinstance(made, _TableMeta)
        return made


class Model(tortoise.models.Model, metaclass=_TableMeta):
    """A row of a table."""

    class Meta:
        abstract = True
