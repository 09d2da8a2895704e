"""Version 14: chargebacks of captured payments, and the index that finds a payment by reference."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

# Deferred: entries are written at the end of the transaction, after the rows that refer to them.
_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"
_CHARGEBACKS = (
    f"""CREATE TABLE payment_chargeback (
  id {{uuid}} NOT NULL PRIMARY KEY,
  payment_id {{uuid}} NOT NULL REFERENCES order_payment (id) ON DELETE RESTRICT,
  refund_id {{uuid}} REFERENCES refund (id) ON DELETE RESTRICT,
  amount_minor {{int}} NOT NULL CHECK (amount_minor > 0),
  currency {{text}} NOT NULL,
  reason {{text}},
  gateway_reference {{text}},
  entry_id {{uuid}} NOT NULL {_ENTRY},
  received_at {{instant}} NOT NULL,
  UNIQUE (payment_id, gateway_reference)
) {{strict}}""",
    "CREATE INDEX payment_chargeback_refund ON payment_chargeback (refund_id)",
    "CREATE INDEX payment_chargeback_entry ON payment_chargeback (entry_id)",
    "CREATE INDEX order_payment_reference ON order_payment (reference)",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _CHARGEBACKS:
        yield render(engine, statement)
    yield from append_only(engine, "payment_chargeback")
