"""Objects that a scanned code names at a location: one look-up in an index for each kind."""

from __future__ import annotations

from typing import Final, TypedDict

from domain.catalog.item_codes import scan_key
from domain.orders.orders import issued_order_number
from domain.returns.states import issued_rma_number
from domain.stock.transfers import issued_transfer_number
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.queries.stock.bins import homes

FOUND_MAX: Final = 20

_AT_AN_END: Final = "$6 IN (origin_id, destination_id)"
# In the order of the answer. Each part reads a few rows of an index.
_PARTS: Final = (
    ("Item", "SELECT id FROM item WHERE sku_key = $1"),
    ("Item", "SELECT item_id AS id FROM item_code WHERE scan_key = $2"),
    ("Location", "SELECT id FROM location WHERE code_key = $1"),
    ("Fulfillment", "SELECT id FROM fulfillment WHERE number = $4 AND location_id = $6"),
    ("Fulfillment", "SELECT id FROM fulfillment WHERE location_id = $6 AND tote_key = $1"),
    (
        "Fulfillment",
        "SELECT id FROM fulfillment WHERE tracking_number_key = $1 AND location_id = $6",
    ),
    ("Return", "SELECT id FROM customer_return WHERE rma_number = $5"),
    ("Return", "SELECT id FROM customer_return WHERE tracking_number_key = $1"),
    ("Order", "SELECT id FROM sales_order WHERE number = $3"),
    ("Transfer", f"SELECT id FROM transfer WHERE number = $7 AND {_AT_AN_END}"),
    ("Transfer", f"SELECT id FROM transfer WHERE tracking_number_key = $1 AND {_AT_AN_END}"),
)
_NAMED = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, CAST(p{place}.id AS text) AS key"
    f" FROM ({sql} ORDER BY 1 DESC LIMIT {FOUND_MAX}) AS p{place}"
    for place, (kind, sql) in enumerate(_PARTS)
)


class _NamedRow(TypedDict):
    kind: str
    key: str


def _fulfillment_number(typed: str) -> str:
    """The number of a fulfillment as it was issued: that of its order, a dash, and its place."""
    order, _, place = typed.strip().rpartition("-")
    return f"{issued_order_number(order)}-{place}"


async def named(session: Session, code: str, location_id: int) -> dict[str, list[str]]:
    """Keys of all objects with this code, by type: in any scope, the newest of a kind first.

    Fulfillments are those of the location, transfers those from or to it. Locations are itself, and
    the zones and bins in it.
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
    for row in await session.rows(_NamedRow, _NAMED, *args):
        keys = found.setdefault(row["kind"], [])
        if row["key"] not in keys:
            keys.append(row["key"])
    if "Location" in found:
        home_of = await homes(session, map(int, found["Location"]))
        found["Location"] = [
            key for key in found["Location"] if home_of.get(int(key)) == location_id
        ]
    return found
