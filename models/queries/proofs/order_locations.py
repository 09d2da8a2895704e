"""The proof that the locations of orders, by which lists are read, follow their fulfillments."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

_FACTS = (
    "SELECT DISTINCT f.order_id, f.location_id, o.status"
    " FROM fulfillment f JOIN sales_order o ON o.id = f.order_id"
)
_STORED = "SELECT order_id, location_id, status FROM order_location"
_AT = "'Order:' || CAST(order_id AS text) || ' @ location ' || CAST(location_id AS text)"
_SQL = f"""
SELECT {_AT} AS place, status AS expected, 'nothing' AS found
FROM (SELECT * FROM ({_FACTS}) AS facts EXCEPT {_STORED}) AS missing
UNION ALL
SELECT {_AT}, 'nothing', status
FROM (SELECT * FROM ({_STORED}) AS stored EXCEPT {_FACTS}) AS extra
"""

PROOFS: Final = (Proof("locations of orders = their fulfillments", _SQL),)
