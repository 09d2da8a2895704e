"""Preparation of the models by Tortoise: once per engine, not once per opened database.

Tortoise prepares filters, columns and base queries of all models whenever a database is opened.
This takes most of the time of opening one. The result depends on the models and the engine only, so
it is kept.
"""

from typing import Any

from tortoise.apps import Apps
from tortoise.models import Model

# Attributes of a model's `_meta` that differ between the engines.
_FILTERS = "filters"
_COLUMNS = ("db_default_fields", "db_complex_fields", "db_native_fields")
_QUERIES = ("basetable", "basequery", "basequery_all_fields")

_prepared: dict[tuple[object, ...], list[dict[str, Any]]] = {}


def install() -> None:
    """Prepare models once per engine from now on."""
    build = Apps._build_initial_querysets

    def build_once(self: Apps) -> None:
        models = [model for app in self.apps.values() for model in app.values()]
        key = (models[0]._meta.db.executor_class, *models)
        if (kept := _prepared.get(key)) is None:
            _detach(models)
            build(self)
            _prepared[key] = [_state(model) for model in models]
        else:
            for model, state in zip(models, kept, strict=True):
                for name, value in state.items():
                    setattr(model._meta, name, value)

    setattr(Apps, "_build_initial_querysets", build_once)  # noqa: B010 - a method is replaced


def _detach(models: list[type[Model]]) -> None:
    """Give the models new containers: Tortoise fills them in place."""
    for model in models:
        setattr(model._meta, _FILTERS, {})
        for name in _COLUMNS:
            setattr(model._meta, name, [])


def _state(model: type[Model]) -> dict[str, Any]:
    return {name: getattr(model._meta, name) for name in (_FILTERS, *_COLUMNS, *_QUERIES)}
