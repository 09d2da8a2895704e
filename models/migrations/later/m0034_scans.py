"""Version 34: scans. Picked and packed units of fulfillment lines, totes, and picks to be booked.

Units of fulfillments that are PICKED or PACKED have left the shelf: they become the picked units of
their levels, in which no version before this one has units in bins.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_LINES = (
    "ALTER TABLE fulfillment_line ADD COLUMN picked {int} NOT NULL DEFAULT 0"
    " CHECK (picked >= 0 AND picked <= quantity)",
    "ALTER TABLE fulfillment_line ADD COLUMN packed {int} NOT NULL DEFAULT 0"
    " CHECK (packed >= 0 AND packed <= picked)",
)
_OF = "(SELECT f.status FROM fulfillment f WHERE f.id = fulfillment_line.fulfillment_id)"
_SENT = "'SHIPPED', 'DELIVERED', 'LOST'"
_FILL = (
    f"UPDATE fulfillment_line SET picked = quantity WHERE {_OF} IN ('PICKED', 'PACKED', {_SENT})",
    f"UPDATE fulfillment_line SET packed = quantity WHERE {_OF} IN ('PACKED', {_SENT})",
    "UPDATE stock_level SET picked = p.units FROM ("
    "SELECT l.item_id, f.location_id, CAST(SUM(l.picked) AS bigint) AS units FROM fulfillment f"
    " JOIN fulfillment_line l ON l.fulfillment_id = f.id WHERE f.status IN ('PICKED', 'PACKED')"
    " GROUP BY l.item_id, f.location_id) AS p"
    " WHERE p.item_id = stock_level.item_id AND p.location_id = stock_level.location_id",
)
_TOTES = (
    "ALTER TABLE fulfillment ADD COLUMN tote {text}",
    "ALTER TABLE fulfillment ADD COLUMN tote_key {text} CHECK (tote_key <> '')",
    "CREATE UNIQUE INDEX fulfillment_tote ON fulfillment (location_id, tote_key)"
    " WHERE tote_key IS NOT NULL",
)
_TABLES = (
    """CREATE TABLE unbooked_pick (
  id {identity},
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  units {int} NOT NULL CHECK (units <> 0),
  bin_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  actor {text} NOT NULL
) {strict}""",
    "CREATE INDEX unbooked_pick_level ON unbooked_pick (item_id, location_id)",
    """CREATE TABLE scan_call (
  id {uuid} NOT NULL PRIMARY KEY,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  queue {text} NOT NULL CHECK (queue IN ('PICK','PACK')),
  actor {text} NOT NULL,
  scanned_at {instant} NOT NULL,
  scans {int} NOT NULL CHECK (scans > 0),
  refused {int} NOT NULL CHECK (refused >= 0),
  CHECK (refused <= scans)
) {strict}""",
    "CREATE INDEX scan_call_time ON scan_call (scanned_at, location_id)",
    "CREATE INDEX scan_call_location ON scan_call (location_id, scanned_at)",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _LINES:
        yield render(engine, statement)
    yield from _FILL
    for statement in (*_TOTES, *_TABLES):
        yield render(engine, statement)
