"""Version 4: refunds, payout attempts, accepted webhooks, and closed periods."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_CONDITIONS = "'NEW','LIKE_NEW','USED','DAMAGED','DEFECTIVE','COUNTERFEIT'"
_OVER = "'SUCCEEDED','REJECTED','REVERSED','CANCELLED'"
# Deferred: entries are written at the end of the transaction, after the refunds that refer to them.
_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"

REFUNDS = (
    f"""CREATE TABLE refund (
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
  CHECK (owed_minor <= amount_minor),
  CHECK ((kind = 'CANCELLATION') = (cancellation_id IS NOT NULL)),
  CHECK (kind <> 'RETURN' OR return_id IS NOT NULL),
  CHECK (kind = 'GOODWILL' OR owed_minor = 0),
  CHECK (status = 'CANCELLED' OR (amount_minor > 0 AND payment_id IS NOT NULL)),
  CHECK ((status IN ({_OVER})) = (settled_at IS NOT NULL)),
  CHECK (status <> 'SUCCEEDED' OR paid_entry_id IS NOT NULL)
) {{strict}}""",
    "CREATE INDEX refund_order ON refund (order_id, id)",
    "CREATE INDEX refund_return ON refund (return_id, id)",
    "CREATE INDEX refund_cancellation ON refund (cancellation_id)",
    "CREATE INDEX refund_payment ON refund (payment_id)",
    "CREATE INDEX refund_reason ON refund (reason_id)",
    "CREATE INDEX refund_status ON refund (status, id)",
    "CREATE INDEX refund_family ON refund (family_id)",
    "CREATE INDEX refund_decided_entry ON refund (decided_entry_id)",
    "CREATE INDEX refund_paid_entry ON refund (paid_entry_id)",
    f"""CREATE TABLE refund_unit (
  id {{uuid}} NOT NULL PRIMARY KEY,
  refund_id {{uuid}} NOT NULL REFERENCES refund (id) ON DELETE RESTRICT,
  order_line_id {{uuid}} NOT NULL REFERENCES order_line (id) ON DELETE RESTRICT,
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  condition {{text}} CHECK (condition IN ({_CONDITIONS})),
  net_minor {{int}} NOT NULL CHECK (net_minor >= 0),
  tax_minor {{int}} NOT NULL CHECK (tax_minor >= 0),
  net_kept_minor {{int}} NOT NULL CHECK (net_kept_minor >= 0),
  tax_kept_minor {{int}} NOT NULL CHECK (tax_kept_minor >= 0),
  CHECK (net_kept_minor <= net_minor),
  CHECK (tax_kept_minor <= tax_minor)
) {{strict}}""",
    "CREATE INDEX refund_unit_refund ON refund_unit (refund_id)",
    "CREATE INDEX refund_unit_order_line ON refund_unit (order_line_id)",
    """CREATE TABLE refund_approval (
  id {uuid} NOT NULL PRIMARY KEY,
  refund_id {uuid} NOT NULL REFERENCES refund (id) ON DELETE RESTRICT,
  actor {text} NOT NULL CHECK (actor <> ''),
  decision {text} NOT NULL CHECK (decision IN ('APPROVED','REJECTED')),
  note {text},
  decided_at {instant} NOT NULL,
  UNIQUE (refund_id, actor)
) {strict}""",
    """CREATE TABLE refund_attempt (
  id {uuid} NOT NULL PRIMARY KEY,
  refund_id {uuid} NOT NULL REFERENCES refund (id) ON DELETE RESTRICT,
  attempt_no {int} NOT NULL CHECK (attempt_no >= 1),
  key {text} NOT NULL UNIQUE CHECK (key <> ''),
  state {text} NOT NULL CHECK (state IN ('OPEN','PENDING','UNKNOWN','SUCCEEDED','FAILED',
    'REVERSED')),
  created_at {instant} NOT NULL,
  created_by {text} NOT NULL,
  sent_at {instant},
  claimed_until_at {instant},
  is_sending {bool} NOT NULL DEFAULT FALSE,
  tries {int} NOT NULL DEFAULT 0 CHECK (tries >= 0),
  next_at {instant} NOT NULL,
  person_asked_at {instant},
  gateway_reference {text},
  reason {text},
  settled_by {text},
  settled_at {instant},
  UNIQUE (refund_id, attempt_no),
  CHECK ((state IN ('OPEN','PENDING','UNKNOWN')) = (settled_at IS NULL)),
  CHECK (state = 'OPEN' OR sent_at IS NOT NULL)
) {strict}""",
    "CREATE UNIQUE INDEX refund_attempt_unsettled ON refund_attempt (refund_id)"
    " WHERE state IN ('OPEN','PENDING','UNKNOWN')",
    "CREATE INDEX refund_attempt_next ON refund_attempt (next_at, id)"
    " WHERE state IN ('OPEN','PENDING','UNKNOWN')",
)

# Refunds cannot draw more than the captured amount of a payment.
PAYMENTS = (
    "ALTER TABLE order_payment ADD COLUMN drawn_minor {int} NOT NULL DEFAULT 0"
    " CHECK (drawn_minor >= 0 AND drawn_minor <= amount_minor)",
)

CANCELLATIONS = (
    f"ALTER TABLE order_cancellation ADD COLUMN entry_id {{uuid}} {_ENTRY}",
    "CREATE INDEX order_cancellation_entry ON order_cancellation (entry_id)",
    """CREATE TABLE order_cancellation_line (
  id {uuid} NOT NULL PRIMARY KEY,
  cancellation_id {uuid} NOT NULL REFERENCES order_cancellation (id) ON DELETE RESTRICT,
  order_line_id {uuid} NOT NULL REFERENCES order_line (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity > 0),
  net_minor {int} NOT NULL CHECK (net_minor >= 0),
  tax_minor {int} NOT NULL CHECK (tax_minor >= 0),
  UNIQUE (cancellation_id, order_line_id)
) {strict}""",
    "CREATE INDEX order_cancellation_line_order_line ON order_cancellation_line (order_line_id)",
)

WEBHOOKS = (
    """CREATE TABLE webhook_message (
  id {uuid} NOT NULL PRIMARY KEY,
  source {text} NOT NULL CHECK (source <> ''),
  message_key {text} NOT NULL CHECK (message_key <> ''),
  received_at {instant} NOT NULL,
  UNIQUE (source, message_key)
) {strict}""",
    "CREATE INDEX webhook_message_received ON webhook_message (received_at)",
)

PERIODS = (
    """CREATE TABLE period_close (
  id {uuid} NOT NULL PRIMARY KEY,
  through_at {instant} NOT NULL UNIQUE,
  closed_at {instant} NOT NULL,
  closed_by {text} NOT NULL CHECK (closed_by <> ''),
  CHECK (through_at <= closed_at)
) {strict}""",
)

APPEND_ONLY = ("refund_approval", "order_cancellation_line", "period_close")


def _kept_keys(engine: Engine) -> list[str]:
    """Triggers that prevent deleting an attempt and changing its key."""
    kept = "UPDATE OF id, refund_id, attempt_no, key"
    if engine == "postgres":
        return [
            f"CREATE TRIGGER refund_attempt_key BEFORE {kept} ON refund_attempt"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "CREATE TRIGGER refund_attempt_kept BEFORE DELETE ON refund_attempt"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "CREATE TRIGGER refund_attempt_no_truncate BEFORE TRUNCATE ON refund_attempt"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        ]
    told = "BEGIN SELECT RAISE(ABORT, 'refund_attempt is append-only'); END"
    return [
        f"CREATE TRIGGER refund_attempt_key BEFORE {kept} ON refund_attempt {told}",
        f"CREATE TRIGGER refund_attempt_kept BEFORE DELETE ON refund_attempt {told}",
    ]


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for group in (REFUNDS, PAYMENTS, CANCELLATIONS, WEBHOOKS, PERIODS):
        for statement in group:
            yield render(engine, statement)
    for table in APPEND_ONLY:
        yield from append_only(engine, table)
    yield from _kept_keys(engine)
