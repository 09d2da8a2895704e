"""Version 18: a refund's amount is the sum of its parts; money paid for units that left is named.

Refunds from before version 15 have no `unpaid_minor`: debts were not taken into account. A CHECK
that is unknown is satisfied, so it leaves them out; `make reconcile` proves their sum. They are not
filled with 0, because the proof that an undone order leaves nothing must not expect it of them.

Until now a refund stayed when its return was cancelled or expired, or its units were missing or
went back to the customer. REFUND_RECOVERY is opened once for each such return, about its newest
refund.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render
from models.migrations.m0015_refund_parts import REFUND_INDEXES, SQLITE_REFUND

_SUM = (
    "amount_minor = items_minor + tax_minor + shipping_minor + shipping_tax_minor - fee_minor"
    " - unpaid_minor + owed_minor"
)
_SQLITE = SQLITE_REFUND.replace("\n) {strict}", f",\n  CHECK ({_SUM})\n) {{strict}}")

# Refunds that are paid, or that will be paid unless a person cancels them.
_DECIDED = (
    "kind = 'RETURN' AND {0}.amount_minor > 0 AND {0}.status IN ('NEEDS_APPROVAL','APPROVED',"
    "'PROCESSING','UNKNOWN','FAILED','SUCCEEDED')"
)
_STAY = """
  SELECT COALESCE(SUM(t.quantity), 0) FROM return_item t
  JOIN customer_return r ON r.id = t.return_id
  WHERE t.return_id = f.return_id AND t.order_line_id = u.order_line_id AND t.state <> 'MISSING'
    AND (t.disposition IS NULL OR t.disposition <> 'RETURN_TO_CUSTOMER')
    AND NOT (r.status = 'EXPIRED' AND t.state = 'EXPECTED')
    AND r.status NOT IN ('DECLINED', 'CANCELLED')
"""
_RETURNS = f"""
  SELECT return_id FROM (
    SELECT f.return_id, SUM(u.quantity) AS units, ({_STAY}) AS stay
    FROM refund f JOIN refund_unit u ON u.refund_id = f.id WHERE f.{_DECIDED.format("f")}
    GROUP BY f.return_id, u.order_line_id) AS lines
  WHERE units > stay
"""
_MESSAGE = (
    "Units of this refund did not stay: they are missing, went back to the customer, or their"
    " return expired or was cancelled. Recover the money, or cancel the refund if it is not paid."
)


def _recoveries(new_id: str, now: str, due: str) -> str:
    return f"""
INSERT INTO operational_exception (id, kind, subject_key, status, severity, message, channel_id,
  owner_role, opened_at, due_at)
SELECT {new_id}, 'REFUND_RECOVERY', 'Refund:' || CAST(f.id AS text), 'OPEN', 'HIGH',
  '{_MESSAGE}', o.channel_id, 'FINANCE', {now}, {due}
FROM refund f JOIN sales_order o ON o.id = f.order_id
WHERE f.return_id IN ({_RETURNS}) AND f.id = (
  SELECT g.id FROM refund g WHERE g.return_id = f.return_id AND g.{_DECIDED.format("g")}
  ORDER BY g.created_at DESC, g.id DESC LIMIT 1)
AND NOT EXISTS (SELECT 1 FROM refund h JOIN operational_exception e
  ON e.subject_key = 'Refund:' || CAST(h.id AS text)
  WHERE h.return_id = f.return_id AND e.kind = 'REFUND_RECOVERY')
"""


_SQLITE_ID = "-".join(
    (
        "lower(hex(randomblob(4)) || '",
        "' || hex(randomblob(2)) || '",
        "4' || substr(hex(randomblob(2)), 2) || '",
        "8' || substr(hex(randomblob(2)), 2) || '",
        "' || hex(randomblob(6)))",
    )
)
_SQLITE_INSTANT = "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'{})"


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    if engine == "postgres":
        yield f"ALTER TABLE refund ADD CONSTRAINT refund_is_its_parts CHECK ({_SUM})"
        yield _recoveries("gen_random_uuid()", "now()", "now() + interval '3 days'")
        return
    yield render(engine, _SQLITE)
    yield "INSERT INTO refund_renewed SELECT * FROM refund"
    yield "DROP TABLE refund"
    yield "ALTER TABLE refund_renewed RENAME TO refund"
    yield from REFUND_INDEXES
    now, due = _SQLITE_INSTANT.format(""), _SQLITE_INSTANT.format(", '+3 days'")
    yield _recoveries(_SQLITE_ID, now, due)
