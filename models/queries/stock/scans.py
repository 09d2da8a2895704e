"""Objects that a scanned code names at a location: one look-up in an index for each kind."""

from __future__ import annotations

from typing import Final, TypedDict

import models.queries.listing.visibility as visibility
from domain.catalog.item_codes import scan_key
from domain.orders.orders import issued_order_number
from domain.returns.states import issued_rma_number
from domain.stock.transfers import issued_transfer_number
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.stock.bins import homes

FOUND_MAX: Final = 20

_PARCEL: Final = "SELECT f.id FROM fulfillment f WHERE"
_RETURN: Final = "SELECT r.id FROM customer_return r WHERE"
_TRANSFER: Final = "SELECT t.id FROM transfer t WHERE"
_AT_AN_END: Final = "$6 IN (t.origin_id, t.destination_id)"
# In the order of the answer. Each part reads a few rows of an index.
_PARTS: Final = (
    ("Item", "SELECT id FROM item WHERE sku_key = $1"),
    ("Item", "SELECT item_id AS id FROM item_code WHERE scan_key = $2"),
    ("Location", "SELECT id FROM location WHERE code_key = $1"),
    ("Fulfillment", f"{_PARCEL} f.number = $4 AND f.location_id = $6"),
    ("Fulfillment", f"{_PARCEL} f.location_id = $6 AND f.tote_key = $1"),
    ("Fulfillment", f"{_PARCEL} f.tracking_number_key = $1 AND f.location_id = $6"),
    ("Return", f"{_RETURN} r.rma_number = $5"),
    ("Return", f"{_RETURN} r.tracking_number_key = $1"),
    ("Order", "SELECT id FROM sales_order WHERE number = $3"),
    ("Transfer", f"{_TRANSFER} t.number = $7 AND {_AT_AN_END}"),
    ("Transfer", f"{_TRANSFER} t.tracking_number_key = $1 AND {_AT_AN_END}"),
)
# Kinds of which several objects may have one code.
_VISIBLE: Final = {
    "Fulfillment": visibility.FULFILLMENT,
    "Return": visibility.RETURN,
    "Transfer": visibility.TRANSFER,
}


class _NamedRow(TypedDict):
    kind: str
    key: str


def _fulfillment_number(typed: str) -> str:
    """The number of a fulfillment as it was issued: that of its order, a dash, and its place."""
    order, _, place = typed.strip().rpartition("-")
    return f"{issued_order_number(order)}-{place}"


def _statement(scope: Scope, first: int) -> tuple[str, list[object]]:
    """The look-ups of all kinds, and the values of the scope, from `$first` on."""
    parts, values = [], list[object]()
    for place, (kind, sql) in enumerate(_PARTS):
        if kind in _VISIBLE:
            condition, found = _VISIBLE[kind].also(scope, first + len(values))
            sql, values = sql + condition, values + found
        parts.append(
            f"SELECT '{kind}' AS kind, CAST(p{place}.id AS text) AS key"
            f" FROM ({sql} ORDER BY 1 DESC LIMIT {FOUND_MAX}) AS p{place}"
        )
    return " UNION ALL ".join(parts), values


async def named(
    session: Session, scope: Scope, code: str, location_id: int
) -> dict[str, list[str]]:
    """Keys of the objects with this code, by type, the newest of a kind first.

    Of fulfillments, returns and transfers at most FOUND_MAX that the caller may see. Fulfillments
    are those of the location, transfers those from or to it. Locations are itself, and the zones
    and bins in it.
    """
    args = (
        comparison_key(code),
        scan_key(code),
        issued_order_number(code),
        _fulfillment_number(code),
        issued_rma_number(code),
        location_id,
        issued_transfer_number(code),
    )
    found: dict[str, list[str]] = {}
    sql, values = _statement(scope, len(args) + 1)
    for row in await session.rows(_NamedRow, sql, *args, *values):
        keys = found.setdefault(row["kind"], [])
        if row["key"] not in keys:
            keys.append(row["key"])
    if "Location" in found:
        home_of = await homes(session, map(int, found["Location"]))
        found["Location"] = [
            key for key in found["Location"] if home_of.get(int(key)) == location_id
        ]
    return found
