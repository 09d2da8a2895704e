"""What a simulated gateway remembers: each key once, what became of it, how often it was asked.

SQLite in a file survives the death of the process and may be shared by several; in memory it lasts
as long as the gateway.
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
    """A refund that the gateway has taken on: its outcome shows from `settles_at` (epoch) on."""

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
        """What the gateway says of it at `now`."""
        if now < self.settles_at:
            return GatewayAnswer(GatewayStatus.PENDING, self.id)
        return GatewayAnswer(self.status, self.id, self.reason)

    def is_same_request(self, other: "SimulatedRefund") -> bool:
        """Whether both were asked for with the same arguments."""
        return self._request() == other._request()

    def _request(self) -> tuple[str, str, int, str]:
        return (self.reference, self.payment_reference, self.amount_minor, self.currency)


class PaymentJournal:
    """The memory of a simulated gateway; `path` None: in memory only."""

    def __init__(self, path: str | None = None) -> None:
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, timeout=10.0, check_same_thread=False
        )
        if path is not None:
            self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def times_asked(self, key: str, call: str) -> int:
        """Count one more `call` for the key and say the how-manieth it is, from 1 on."""
        row = self._db.execute(
            "INSERT INTO asked (key, call, times) VALUES (?, ?, 1) "
            "ON CONFLICT (key, call) DO UPDATE SET times = times + 1 RETURNING times",
            (key, call),
        ).fetchone()
        return int(row[0])

    def take(self, refund: SimulatedRefund) -> SimulatedRefund:
        """Remember a refund, unless its key is known: then the known one is given back."""
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
        """The refund with this key, if the gateway has ever taken it on."""
        found = self._select("WHERE key = ?", (key,))
        return found[0] if found else None

    def paid(self, reference: str | None = None) -> list[SimulatedRefund]:
        """Every refund that was or will be paid, of one `reference` or of all, oldest first.

        Two of them with one reference and none reversed are a double payment.
        """
        succeeded = GatewayStatus.SUCCEEDED.value
        if reference is None:
            return self._select("WHERE status = ? ORDER BY rowid", (succeeded,))
        return self._select(
            "WHERE status = ? AND reference = ? ORDER BY rowid", (succeeded, reference)
        )

    def reverse(self, key: str) -> None:
        """The bank sends the money of this refund back."""
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
