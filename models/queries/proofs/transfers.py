"""Invariants of transfers: their units, their value in transit, and what locations expect."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

_AT = (
    "(SELECT t.number FROM transfer t WHERE t.id = transfer_id) || ' ' ||"
    " (SELECT i.sku FROM item i WHERE i.id = item_id)"
)
# The units that a line states, by the movements that must show them.
_STATED = """
SELECT l.transfer_id, l.item_id, l.shipped, l.received, l.damaged, l.came_back, l.extra
FROM transfer_line l JOIN transfer t ON t.id = l.transfer_id WHERE t.shipped_at IS NOT NULL
"""
_MOVED = """
SELECT t.id, m.item_id,
  CASE WHEN m.from_state = 'ALLOCATED' THEN m.quantity ELSE 0 END,
  CASE WHEN m.to_state = 'AVAILABLE' AND m.location_id = t.destination_id
    THEN m.quantity ELSE 0 END,
  CASE WHEN m.to_state = 'DAMAGED' AND m.location_id = t.destination_id
    THEN m.quantity ELSE 0 END,
  CASE WHEN m.to_state IN ('AVAILABLE', 'DAMAGED') AND m.location_id = t.origin_id
    THEN m.quantity ELSE 0 END,
  CASE WHEN m.to_state = 'QUARANTINE' THEN m.quantity ELSE 0 END
FROM transfer t JOIN stock_movement m ON m.reference = 'Transfer:' || CAST(t.id AS text)
WHERE m.kind = 'TRANSFERRED'
"""
_COLUMNS = ("shipped", "received", "damaged", "came_back", "extra")


def _units_are_moved() -> str:
    names = ", ".join(_COLUMNS)
    stated = ", ".join(f"SUM({each}) AS {each}" for each in _COLUMNS)
    moved = ", ".join(f"SUM({each}_moved) AS {each}_moved" for each in _COLUMNS)
    left = f"SELECT transfer_id, item_id, {names}, {', '.join('0' for _ in _COLUMNS)}"
    right = ", ".join(f"0 AS {each}" for each in _COLUMNS)
    aliases = ", ".join(f"{each}_moved" for each in _COLUMNS)
    wrong = " OR ".join(f"{each} <> {each}_moved" for each in _COLUMNS)

    def shown(suffix: str) -> str:
        return " || ', ' || ".join(
            f"'{each} ' || CAST({each}{suffix} AS text)" for each in _COLUMNS
        )

    return f"""
WITH moves (transfer_id, item_id, {aliases}) AS ({_MOVED}),
sides (transfer_id, item_id, {names}, {aliases}) AS (
  {left} FROM ({_STATED}) AS stated
  UNION ALL SELECT transfer_id, item_id, {right}, {aliases} FROM moves)
SELECT {_AT} AS place, {shown("_moved")} AS expected, {shown("")} AS found
FROM (SELECT transfer_id, item_id, {stated}, {moved} FROM sides
  GROUP BY transfer_id, item_id) AS lines
WHERE {wrong}
"""


_UNITS_ADD_UP = f"""
SELECT {_AT} AS place, CAST(shipped AS text) AS expected,
  CAST(in_transit + received + damaged + came_back + lost AS text) AS found
FROM transfer_line WHERE shipped <> in_transit + received + damaged + came_back + lost
"""

# A transfer is closed when no unit of it is in transit; before, one is.
_STATUS_FOLLOWS_UNITS = """
SELECT number AS place, expected, status AS found FROM (
  SELECT t.number, t.status, CASE WHEN SUM(l.in_transit) = 0 THEN 'CLOSED'
    WHEN SUM(l.received + l.damaged + l.came_back + l.lost + l.extra) = 0
      AND t.status = 'IN_TRANSIT' THEN 'IN_TRANSIT'
    ELSE 'PARTIALLY_RECEIVED' END AS expected
  FROM transfer t JOIN transfer_line l ON l.transfer_id = t.id
  WHERE t.shipped_at IS NOT NULL GROUP BY t.id, t.number, t.status) AS transfers
WHERE expected <> status
"""

# Purchase orders may be expected, too, so there may be more.
_INCOMING = """
SELECT (SELECT i.sku FROM item i WHERE i.id = item_id) || ' @ ' ||
    (SELECT p.code FROM location p WHERE p.id = location_id) AS place,
  'at least ' || CAST(SUM(in_transit) AS text) AS expected, CAST(SUM(incoming) AS text) AS found
FROM (
  SELECT l.item_id, t.destination_id AS location_id, l.in_transit, 0 AS incoming
  FROM transfer_line l JOIN transfer t ON t.id = l.transfer_id WHERE l.in_transit > 0
  UNION ALL SELECT item_id, location_id, 0, incoming FROM stock_level WHERE incoming > 0) AS sides
GROUP BY item_id, location_id HAVING SUM(incoming) < SUM(in_transit)
"""

# For the balance of the account.
VALUES: Final = "SELECT currency, SUM(value_minor), 0 FROM transfer_line GROUP BY currency"

PROOFS: Final = (
    Proof("transferred units are in one column", _UNITS_ADD_UP),
    Proof("transfers = their movements", _units_are_moved()),
    Proof("transfer status follows its units", _STATUS_FOLLOWS_UNITS),
    Proof("incoming ≥ units in transit", _INCOMING),
)
