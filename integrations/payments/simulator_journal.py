"""Journal of the simulated gateway: refunds by key, and the number of calls.

An SQLite file survives the process and may be shared by several. In memory it lasts as long as the
gateway.
"""

import sqlite3
from dataclasses import dataclass

from integrations.payments.gateway import GatewayAnswer, GatewayStatus

_SCHEMA = """
CREATE TABLE IF NOT EXISTS refund (
    key TEXT PRIMARY KEY, reference TEXT NOT NULL, payment_reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    status TEXT NOT NULL, id TEXT NOT NULL, reason TEXT, settles_at REAL NOT NULL,
    reversed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS asked (
    key TEXT NOT NULL, call TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (key, call));
"""


@dataclass(frozen=True, slots=True)
class SimulatedRefund:
    """A refund that the gateway accepted; its outcome is returned from `settles_at` (epoch) on."""

    key: str
    reference: str
    payment_reference: str
    amount_minor: int
    currency: str
    id: str
    reason: str | None
    settles_at: float
    status: GatewayStatus
    is_reversed: bool = False

    def answer(self, now: float) -> GatewayAnswer:
        """The gateway's answer about it at `now`."""
        if now < self.settles_at:
            return GatewayAnswer(GatewayStatus.PENDING, self.id)
        return GatewayAnswer(self.status, self.id, self.reason)

    def is_same_request(self, other: "SimulatedRefund") -> bool:
        """True if both were requested with the same arguments."""
        return self._request() == other._request()

    def _request(self) -> tuple[str, str, int, str]:
        return (self.reference, self.payment_reference, self.amount_minor, self.currency)


class PaymentJournal:
    """Refunds and calls of a simulated gateway; `path` None: in memory only."""

    def __init__(self, path: str | None = None) -> None:
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, timeout=10.0, check_same_thread=False
        )
        if path is not None:
            self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def count_call(self, key: str, call: str) -> int:
        """Count one more `call` for the key and return its number, from 1 on."""
        row = self._db.execute(
            "INSERT INTO asked (key, call, times) VALUES (?, ?, 1) "
            "ON CONFLICT (key, call) DO UPDATE SET times = times + 1 RETURNING times",
            (key, call),
        ).fetchone()
        return int(row[0])

    def record(self, refund: SimulatedRefund) -> SimulatedRefund:
        """Record a refund and return it; return the recorded one if its key is known."""
        self._db.execute(
            "INSERT INTO refund (key, reference, payment_reference, amount_minor, currency, "
            "status, id, reason, settles_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO NOTHING",
            (
                refund.key,
                refund.reference,
                refund.payment_reference,
                refund.amount_minor,
                refund.currency,
                refund.status.value,
                refund.id,
                refund.reason,
                refund.settles_at,
            ),
        )
        kept = self.find(refund.key)
        if kept is None:
            raise LookupError(f"the journal lost {refund.key}")
        return kept

    def find(self, key: str) -> SimulatedRefund | None:
        """The refund with this key, if the gateway has accepted one."""
        found = self._select("WHERE key = ?", (key,))
        return found[0] if found else None

    def paid(self, reference: str | None = None) -> list[SimulatedRefund]:
        """All refunds that were or will be paid, of one `reference` or of all, oldest first.

        Two of them with one reference, and neither reversed, are a double payment.
        """
        succeeded = GatewayStatus.SUCCEEDED.value
        if reference is None:
            return self._select("WHERE status = ? ORDER BY rowid", (succeeded,))
        return self._select(
            "WHERE status = ? AND reference = ? ORDER BY rowid", (succeeded, reference)
        )

    def reverse(self, key: str) -> None:
        """Mark this refund as returned by the bank."""
        self._db.execute("UPDATE refund SET reversed = 1 WHERE key = ?", (key,))

    def close(self) -> None:
        self._db.close()

    def _select(self, where: str, arguments: tuple[str, ...]) -> list[SimulatedRefund]:
        rows = self._db.execute(
            "SELECT key, reference, payment_reference, amount_minor, currency, id, reason, "
            f"settles_at, status, reversed FROM refund {where}",
            arguments,
        ).fetchall()
        return [_refund(*row) for row in rows]


def _refund(
    key: str,
    reference: str,
    payment_reference: str,
    amount_minor: int,
    currency: str,
    own_id: str,
    reason: str | None,
    settles_at: float,
    status: str,
    is_reversed: int,
) -> SimulatedRefund:
    return SimulatedRefund(
        key,
        reference,
        payment_reference,
        amount_minor,
        currency,
        own_id,
        reason,
        settles_at,
        GatewayStatus(status),
        bool(is_reversed),
    )
