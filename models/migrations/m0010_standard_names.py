"""Version 10: standard names. FULFILLMENT_PARTNER, the table `inspection` and its `inspected_at`.

Values and rows stay as they are under the new names. SQLite cannot change a CHECK, so `location` is
made anew there and takes over its rows and its sequence of ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_KINDS = "kind IN ('WAREHOUSE','STORE','FULFILLMENT_PARTNER','ZONE','BIN')"
_POSTGRES_KIND = (
    "ALTER TABLE location DROP CONSTRAINT location_kind_check",
    "UPDATE location SET kind = 'FULFILLMENT_PARTNER' WHERE kind = 'FULFILMENT_PARTNER'",
    f"ALTER TABLE location ADD CONSTRAINT location_kind_check CHECK ({_KINDS})",
)
_SQLITE_KIND = (
    f"""CREATE TABLE location_renamed (
  id {{identity}},
  code {{text}} NOT NULL UNIQUE CHECK (code <> ''),
  name {{text}} NOT NULL,
  kind {{text}} NOT NULL CHECK ({_KINDS}),
  parent_id {{int}} REFERENCES location (id) ON DELETE RESTRICT,
  country_code {{text}},
  daily_order_capacity {{int}} CHECK (daily_order_capacity >= 0),
  time_zone {{text}} NOT NULL,
  pack_required {{bool}} NOT NULL,
  active {{bool}} NOT NULL,
  version {{int}} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK (parent_id <> id)
) {{strict}}""",
    "INSERT INTO location_renamed SELECT id, code, name,"
    " CASE kind WHEN 'FULFILMENT_PARTNER' THEN 'FULFILLMENT_PARTNER' ELSE kind END,"
    " parent_id, country_code, daily_order_capacity, time_zone, pack_required, active, version"
    " FROM location",
    "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'location')"
    " WHERE name = 'location_renamed'",
    "DROP TABLE location",
    "ALTER TABLE location_renamed RENAME TO location",
    "CREATE INDEX location_parent ON location (parent_id)",
)
_INSPECTION = (
    "ALTER TABLE inspection_look RENAME TO inspection",
    "ALTER TABLE inspection RENAME COLUMN looked_at TO inspected_at",
    "DROP INDEX inspection_look_return",
    "DROP INDEX inspection_look_item",
    "CREATE INDEX inspection_return ON inspection (return_id, id)",
    "CREATE INDEX inspection_item ON inspection (return_item_id)",
)
_TRIGGERS = {
    "postgres": ("inspection_look_append_only", "inspection_look_no_truncate"),
    "sqlite": ("inspection_look_no_update", "inspection_look_no_delete"),
}


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _POSTGRES_KIND if engine == "postgres" else _SQLITE_KIND:
        yield render(engine, statement)
    for trigger in _TRIGGERS[engine]:
        yield f"DROP TRIGGER {trigger}" + (" ON inspection_look" if engine == "postgres" else "")
    yield from _INSPECTION
    yield from append_only(engine, "inspection")
