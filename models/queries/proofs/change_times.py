"""Invariants of `updated_at`: not before any event of the row, nor before changes of its parts."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

_TIMED = (
    ("sales_order", "Order"),
    ("fulfillment", "Fulfillment"),
    ("customer_return", "Return"),
    ("refund", "Refund"),
    ("task", "Task"),
    ("transfer", "Transfer"),
)
_PARTS = ("fulfillment", "customer_return", "refund")


def _after_events(table: str, subject_type: str) -> str:
    return f"""
SELECT '{subject_type}:' || CAST(t.id AS text) AS place, e.last_at, t.updated_at
FROM {table} t JOIN (
  SELECT subject_key, MAX(occurred_at) AS last_at FROM event
  WHERE subject_type = '{subject_type}' GROUP BY subject_key) AS e
  ON e.subject_key = CAST(t.id AS text)"""


def _after_part(table: str) -> str:
    return f"""
SELECT 'Order:' || CAST(o.id AS text), p.updated_at, o.updated_at
FROM sales_order o JOIN {table} p ON p.order_id = o.id"""


_TIMES = " UNION ALL ".join([*(_after_events(*each) for each in _TIMED), *map(_after_part, _PARTS)])
_FOLLOW = f"""
SELECT place, 'changed at or after ' || CAST(last_at AS text) AS expected,
  CAST(updated_at AS text) AS found
FROM ({_TIMES}) AS times WHERE updated_at < last_at
"""

PROOFS: Final = (Proof("times of change follow every change", _FOLLOW),)
