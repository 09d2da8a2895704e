"""Version 15: refunds store their parts, orders their receivables; refunds of 0 can be paid.

SQLite cannot change a CHECK, so `refund` is made anew there. The parts of existing refunds come
from their breakdown, receivables from the journal, shipping tax of cancellations from their lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_OVER = "'SUCCEEDED','REJECTED','REVERSED','CANCELLED'"
_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"
_PARTS = ("items", "tax", "shipping", "shipping_tax", "fee")
_PART_COLUMNS = "\n".join(
    f"  {part}_minor {{int}} NOT NULL DEFAULT 0 CHECK ({part}_minor >= 0)," for part in _PARTS
)
# NULL: the refund was opened before this version, when debts were not taken into account.
_UNPAID = "unpaid_minor {int} CHECK (unpaid_minor >= 0)"
_HAS_PAYMENT = "amount_minor = 0 OR status = 'CANCELLED' OR payment_id IS NOT NULL"
_IS_PAID = "status <> 'SUCCEEDED' OR amount_minor = 0 OR paid_entry_id IS NOT NULL"
_COLUMNS = (
    "id, order_id, return_id, cancellation_id, payment_id, family_id, kind, status, amount_minor,"
    " owed_minor, currency, tender, reason_id, note, breakdown, decision, required_evidence,"
    " evidence, approvals_required, requested_by, decided_entry_id, paid_entry_id,"
    " gateway_reference, closing_note, created_at, decided_at, settled_at, version"
)

SQLITE_REFUND = f"""CREATE TABLE refund_renewed (
  id {{uuid}} NOT NULL PRIMARY KEY,
  order_id {{uuid}} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  return_id {{uuid}} REFERENCES customer_return (id) ON DELETE RESTRICT,
  cancellation_id {{uuid}} REFERENCES order_cancellation (id) ON DELETE RESTRICT,
  payment_id {{uuid}} REFERENCES order_payment (id) ON DELETE RESTRICT,
  family_id {{uuid}} NOT NULL,
  kind {{text}} NOT NULL CHECK (kind IN ('RETURN','CANCELLATION','GOODWILL')),
  status {{text}} NOT NULL CHECK (status IN ('EVIDENCE_PENDING','NEEDS_APPROVAL','APPROVED',
    'PROCESSING','FAILED','UNKNOWN',{_OVER})),
  amount_minor {{int}} NOT NULL CHECK (amount_minor >= 0),
  owed_minor {{int}} NOT NULL DEFAULT 0 CHECK (owed_minor >= 0),
  currency {{text}} NOT NULL,
  tender {{text}} NOT NULL CHECK (tender IN ('ORIGINAL_PAYMENT','STORE_CREDIT')),
  reason_id {{int}} REFERENCES reason_code (id) ON DELETE RESTRICT,
  note {{text}},
  breakdown {{json}} NOT NULL,
  decision {{json}} NOT NULL,
  required_evidence {{text}} NOT NULL,
  evidence {{text}} NOT NULL,
  approvals_required {{int}} NOT NULL CHECK (approvals_required BETWEEN 0 AND 2),
  requested_by {{text}} NOT NULL CHECK (requested_by <> ''),
  decided_entry_id {{uuid}} {_ENTRY},
  paid_entry_id {{uuid}} {_ENTRY},
  gateway_reference {{text}},
  closing_note {{text}},
  created_at {{instant}} NOT NULL,
  decided_at {{instant}},
  settled_at {{instant}},
  version {{int}} NOT NULL DEFAULT 1 CHECK (version >= 1),
{_PART_COLUMNS}
  {_UNPAID},
  CHECK (owed_minor <= amount_minor),
  CHECK ((kind = 'CANCELLATION') = (cancellation_id IS NOT NULL)),
  CHECK (kind <> 'RETURN' OR return_id IS NOT NULL),
  CHECK (kind = 'GOODWILL' OR owed_minor = 0),
  CHECK ((status IN ({_OVER})) = (settled_at IS NOT NULL)),
  CHECK ({_HAS_PAYMENT}),
  CHECK ({_IS_PAID})
) {{strict}}"""

REFUND_INDEXES = (
    "CREATE INDEX refund_order ON refund (order_id, id)",
    "CREATE INDEX refund_return ON refund (return_id, id)",
    "CREATE INDEX refund_cancellation ON refund (cancellation_id)",
    "CREATE INDEX refund_payment ON refund (payment_id)",
    "CREATE INDEX refund_reason ON refund (reason_id)",
    "CREATE INDEX refund_status ON refund (status, id)",
    "CREATE INDEX refund_family ON refund (family_id)",
    "CREATE INDEX refund_decided_entry ON refund (decided_entry_id)",
    "CREATE INDEX refund_paid_entry ON refund (paid_entry_id)",
)


def _part(engine: Engine, kinds: str) -> str:
    """SQL for the sum of a refund's components of these kinds."""
    if engine == "postgres":
        amount, each = "(c ->> 'amountMinor')::bigint", "jsonb_array_elements(breakdown) AS c"
        kind = "c ->> 'kind'"
    else:
        amount, each = "json_extract(c.value, '$.amountMinor')", "json_each(breakdown) AS c"
        kind = "json_extract(c.value, '$.kind')"
    return f"(SELECT COALESCE(SUM({amount}), 0) FROM {each} WHERE {kind} IN ({kinds}))"


def _parts(engine: Engine) -> dict[str, str]:
    """SQL for each part of an existing refund; the fee is stored as a negative component."""
    goods, fee = _part(engine, "'items', 'goodwill'"), _part(engine, "'restocking fee'")
    return {
        # The part of a goodwill refund that a cancellation owed was never booked as a return.
        "items_minor": f"{goods} - owed_minor",
        "tax_minor": _part(engine, "'tax'"),
        "shipping_minor": _part(engine, "'shipping'"),
        "shipping_tax_minor": _part(engine, "'shipping tax'"),
        "fee_minor": f"-{fee}",
    }


def _refunds(engine: Engine) -> Iterator[str]:
    parts = _parts(engine)
    if engine == "sqlite":
        yield render(engine, SQLITE_REFUND)
        yield (
            f"INSERT INTO refund_renewed ({_COLUMNS}, {', '.join(parts)})"
            f" SELECT {_COLUMNS}, {', '.join(parts.values())} FROM refund"
        )
        yield "DROP TABLE refund"
        yield "ALTER TABLE refund_renewed RENAME TO refund"
        yield from REFUND_INDEXES
        return
    for part in _PARTS:
        check = f"CHECK ({part}_minor >= 0)"
        yield f"ALTER TABLE refund ADD COLUMN {part}_minor bigint NOT NULL DEFAULT 0 {check}"
    yield render(engine, f"ALTER TABLE refund ADD COLUMN {_UNPAID}")
    yield "ALTER TABLE refund DROP CONSTRAINT refund_check4, DROP CONSTRAINT refund_check6"
    yield f"ALTER TABLE refund ADD CONSTRAINT refund_has_payment CHECK ({_HAS_PAYMENT})"
    yield f"ALTER TABLE refund ADD CONSTRAINT refund_is_paid CHECK ({_IS_PAID})"
    yield "UPDATE refund SET " + ", ".join(f"{name} = {sql}" for name, sql in parts.items())


def _cancellations(engine: Engine) -> Iterator[str]:
    """Add the part of a cancellation's tax that is tax on shipping."""
    yield render(
        engine,
        "ALTER TABLE order_cancellation ADD COLUMN shipping_tax_minor {int} NOT NULL DEFAULT 0"
        " CHECK (shipping_tax_minor >= 0)",
    )
    names = ("append_only", "no_truncate") if engine == "postgres" else ("no_update", "no_delete")
    for name in names:
        table = " ON order_cancellation" if engine == "postgres" else ""
        yield f"DROP TRIGGER order_cancellation_{name}{table}"
    lines = "FROM order_cancellation_line l WHERE l.cancellation_id = order_cancellation.id"
    yield (
        "UPDATE order_cancellation SET shipping_tax_minor ="
        f" CASE WHEN tax_minor > (SELECT SUM(l.tax_minor) {lines})"
        f" THEN tax_minor - (SELECT SUM(l.tax_minor) {lines}) ELSE 0 END"
        f" WHERE EXISTS (SELECT 1 {lines})"
    )
    yield from append_only(engine, "order_cancellation")


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    yield render(
        engine,
        "ALTER TABLE sales_order ADD COLUMN receivable_minor {int} NOT NULL DEFAULT 0"
        " CHECK (receivable_minor >= 0)",
    )
    yield (
        "UPDATE sales_order SET receivable_minor = owed.minor FROM ("
        "SELECT e.reference, l.currency, SUM(l.debit_minor - l.credit_minor) AS minor"
        " FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id"
        " WHERE l.account = 'receivables' GROUP BY e.reference, l.currency) AS owed"
        " WHERE owed.reference = sales_order.number AND owed.currency = sales_order.currency"
        " AND owed.minor > 0"
    )
    yield from _refunds(engine)
    yield from _cancellations(engine)
