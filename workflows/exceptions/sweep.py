"""Sweep: opens exceptions for what has held for too long, as the catalog of kinds says.

1. Each detector reads a page of at most STEP_MAX overdue subjects, without locks.
2. If there are any, a transaction locks their orders, transfers or stock levels, checks the
   condition again, and opens the exceptions. What another transaction has locked is left to
   the next sweep.
3. The next page follows, then the next detector. A step returns 0 when all pages are read.

A fact that ends a condition clears the exception in its own transaction
(workflows/exceptions/facts.py), under the same lock. So none stays open that the sweep opened while
its condition was ending. A process that dies loses its place only: the next one begins again, and
subjects with an open exception are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import models.queries.exceptions.overdue as overdue
import workflows.exceptions.handling_rules as handling_rules
import workflows.exceptions.opening as exceptions
from domain.exceptions import (
    CARRIER_SILENCE,
    LABEL_UNCERTAINTY,
    REFUND_SETTLEMENT,
    UNPROMISED_SHIPPING,
    ExceptionKind,
    HandlingRule,
)
from models.queries.exceptions.overdue import Cursor, Key, OverdueQuery, OverdueRow
from workflows.exceptions.handling_rules import HandlingRules
from workflows.exceptions.opening import Deviation
from workflows.transactions.lock_order import LockClass
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

STEP_MAX = 200


@dataclass(frozen=True, slots=True)
class Detector:
    """A condition by which the clock opens a kind of exception.

    `message` is for people; it takes `label` and `since`. `delay`: a time that no policy changes,
    between the instant that the query returns and the one from which the condition counts.
    `has_after`: the `after` of the policy comes on top.
    """

    query: OverdueQuery
    message: str
    delay: timedelta = timedelta(0)
    has_after: bool = True

    @property
    def kind(self) -> ExceptionKind:
        return ExceptionKind(self.query.kind)

    def until(self, rule: HandlingRule, now: datetime) -> datetime:
        """The instant since which the condition must have held for an exception at `now`."""
        after = rule.after if self.has_after else None
        return now - self.delay - (after or timedelta(0))

    def widest(self, rules: HandlingRules) -> datetime | None:
        """The latest such instant among all policies; None: the kind is off everywhere."""
        times = [
            self.until(rule, rules.now) for rule in rules.of_kind(self.kind) if not rule.is_off
        ]
        return max(times, default=None)

    def deviation(self, row: OverdueRow) -> Deviation:
        """The exception to open for a subject."""
        since = f"{(row['since_at'] + self.delay).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return Deviation(
            (self.query.subject, row["id"]),
            self.message.format(label=row["label"], since=since),
            row["location_id"],
            row["channel_id"],
        )


DETECTORS: Final = (
    Detector(
        overdue.LATE_BY_PROMISE,
        "Order {label} is not wholly shipped; it was promised to ship by {since}.",
    ),
    Detector(
        overdue.LATE_WITHOUT_PROMISE,
        "Order {label} is not wholly shipped; it should have been by {since}.",
        delay=UNPROMISED_SHIPPING,
    ),
    Detector(
        overdue.PAST_DELIVERY,
        "A parcel of order {label} is on its way; it was promised for {since}.",
    ),
    Detector(
        overdue.SILENT_CARRIER,
        "The carrier reports nothing about a parcel of order {label}.",
        delay=CARRIER_SILENCE,
        has_after=False,
    ),
    Detector(
        overdue.OVERDUE_RETURN,
        "Nothing of return {label} has come; it was expected by {since}.",
    ),
    Detector(
        overdue.UNINSPECTED_RETURN,
        "Units of return {label} have waited for inspection since {since}.",
    ),
    Detector(
        overdue.UNSETTLED_REFUND,
        "A refund of order {label} is not settled; it should have been by {since}.",
        delay=REFUND_SETTLEMENT,
    ),
    Detector(
        overdue.ENDLESS_HOLD,
        "A hold of order {label} has no end; it was placed at {since}.",
    ),
    Detector(
        overdue.UNCERTAIN_LABEL,
        "The carrier does not say whether it sold a label for order {label}.",
        delay=LABEL_UNCERTAINTY,
    ),
    Detector(
        overdue.UNCERTAIN_TRANSFER_LABEL,
        "The carrier does not say whether it sold a label for transfer {label}.",
        delay=LABEL_UNCERTAINTY,
    ),
    Detector(
        overdue.UNBINNED_LEVEL,
        "Units of {label} have waited to be put away since {since}.",
    ),
    Detector(
        overdue.OVERDUE_TRANSFER,
        "Units of transfer {label} are in transit; they were expected by {since}.",
    ),
)


class ExceptionSweep:
    """The place of a sweep: a detector, and the last subject that it has read."""

    def __init__(
        self, transactions: Transactions, detectors: Sequence[Detector] = DETECTORS
    ) -> None:
        self._transactions = transactions
        self._detectors = detectors
        self._index = 0
        self._after = self._detectors[0].query.start

    async def step(self) -> int:
        """Read one page of subjects and open their exceptions. Returns 0 at the end of a sweep."""
        detector = self._detectors[self._index]
        found = await self._read(detector)
        if found:
            await self._transactions.run(lambda tx: _open(tx, detector, found))
        if len(found) == STEP_MAX:
            last = found[-1]
            self._after = Cursor(last["since_at"], last["id"])
            return 1
        self._index = (self._index + 1) % len(self._detectors)
        self._after = self._detectors[self._index].query.start
        return self._index

    async def _read(self, detector: Detector) -> list[OverdueRow]:
        async with self._transactions.database.reading() as session:
            rules = await handling_rules.read(session, self._transactions.clock())
            until = detector.widest(rules)
            if until is None:
                return []
            return await detector.query.page(session, until, self._after, STEP_MAX)


_LOCKS: Final = {
    "sales_order": LockClass.ORDER,
    "transfer": LockClass.TRANSFER,
    "stock_level": LockClass.STOCK,
}


async def _open(tx: Transaction, detector: Detector, found: Sequence[OverdueRow]) -> None:
    """Open the exceptions of subjects whose condition still holds under their lock."""
    query = detector.query
    tx.locking(_LOCKS[query.guard])
    guards = sorted({row["guard_id"] for row in found}, key=str)
    locked = await overdue.lock_free(tx.session, query, guards)
    ids = sorted({row["id"] for row in found if row["guard_id"] in locked}, key=str)
    places = [(row["location_id"], row["channel_id"]) for row in found]
    rules = await handling_rules.read(tx.session, tx.now, places)
    until = detector.widest(rules)
    if until is None or not ids:
        return
    due: dict[Key, OverdueRow] = {}
    for row in await query.among(tx.session, until, ids):
        rule = rules.rule(detector.kind, (row["location_id"], row["channel_id"]))
        if not rule.is_off and row["since_at"] <= detector.until(rule, tx.now):
            due.setdefault(row["id"], row)
    deviations = [detector.deviation(row) for row in due.values()]
    if deviations:
        await exceptions.open_all(tx, detector.kind, deviations)
