"""Payout attempts: created with their key, changed by reports of the gateway.

The table in domain/refunds/payouts.py gives the next state for each report. The lock of the
refund's order covers its attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import models.queries.refunds.payouts as payout_queries
import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
from domain.exceptions import ExceptionKind
from domain.refunds.payouts import (
    UNSETTLED,
    Attempt,
    AttemptState,
    GatewaySignal,
    apply,
    needs_person,
)
from domain.refunds.states import RefundStatus, path_to
from models.database.sessions import Row
from models.refunds import RefundAttempt
from workflows.refunds.locked_refunds import LockedRefund
from workflows.transactions.transaction import Transaction

FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=5)
WAIT_FOR_PERSON: Final = timedelta(hours=1)
DOUBLINGS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """How the gateway keeps keys, and how long a worker is believed to live in a call.

    `claim` is longer than any call with all its tries. Should it be too short all the same, two
    workers may send one key, which the gateway pays once. `overdue`: how long after its decision
    people are told of a refund that is not over.
    """

    key_retention: timedelta = timedelta(hours=24)
    claim: timedelta = timedelta(seconds=90)
    overdue: timedelta = timedelta(days=1)


DEFAULT_PAYOUT_TERMS: Final = PayoutTerms()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What was heard of an attempt, with the gateway's own reference and reason where given."""

    word: GatewaySignal
    gateway_reference: str | None = None
    reason: str | None = None


def as_attempt(row: Row) -> Attempt:
    """An attempt's row as the rules see it."""
    return Attempt(row["key"], AttemptState(row["state"]), row["sent_at"], row["claimed_until_at"])


async def begin(tx: Transaction, case: LockedRefund, actor: str) -> dict[str, Any]:
    """Add the refund's next attempt, with a key of its own, not sent yet."""
    last = await payout_queries.last_attempt(tx.session, case.id)
    row: dict[str, Any] = {
        "id": tx.new_id(),
        "refund_id": case.id,
        "attempt_no": 1 if last is None else last["attempt_no"] + 1,
        "key": str(tx.new_id()),
        "state": str(AttemptState.OPEN),
        "created_at": tx.now,
        "created_by": actor,
        "sent_at": None,
        "claimed_until_at": None,
        "is_sending": False,
        "tries": 0,
        "next_at": tx.now,
        "person_asked_at": None,
        "gateway_reference": None,
        "reason": None,
        "settled_by": None,
        "settled_at": None,
    }
    await tx.session.insert(RefundAttempt, [row])
    attempt = row["attempt_no"]
    await locked_refunds.advance(tx, case, RefundStatus.PROCESSING, actor, attempt=attempt)
    return row


async def write(tx: Transaction, row: dict[str, Any]) -> None:
    """Write what changed of an attempt."""
    await payout_queries.write_attempt(tx.session, [row[name] for name in payout_queries.CHANGES])


async def listen(
    tx: Transaction,
    case: LockedRefund,
    attempt_id: UUID,
    said: GatewayReport,
    terms: PayoutTerms,
    *,
    actor: str,
) -> dict[str, Any]:
    """Tell a locked refund's attempt what was heard of it, and go on with the refund; the attempt.

    Hearing the same again changes nothing. A word that contradicts an earlier one changes nothing
    either, and a person is told.
    """
    found = await payout_queries.attempt(tx.session, attempt_id)
    assert found is not None
    row, before = dict(found), AttemptState(found["state"])
    heard = apply(before, said.word)
    if heard.is_contradiction:
        await _tell_contradiction(tx, case, row, said)
        return row
    if before not in UNSETTLED and heard.state is before:
        return row
    row["state"] = str(heard.state)
    row["gateway_reference"] = said.gateway_reference or row["gateway_reference"]
    row["reason"] = said.reason or row["reason"]
    row["claimed_until_at"], row["is_sending"] = None, False
    if row["sent_at"] is None:
        # The gateway knows the key, so the call was made: a restored backup forgets that it was.
        row["sent_at"] = tx.now
    if heard.state in UNSETTLED:
        await _wait(tx, case, row, terms)
    elif row["settled_at"] is None:
        row["settled_at"] = tx.now
    await write(tx, row)
    await follow(tx, case, row, actor)
    return row


async def follow(tx: Transaction, case: LockedRefund, row: dict[str, Any], actor: str) -> None:
    """Move the refund to where its attempt stands."""
    if row["gateway_reference"] is not None:
        case.row["gateway_reference"] = row["gateway_reference"]
    for status in path_to(case.status, AttemptState(row["state"])):
        await locked_refunds.advance(tx, case, status, actor, attempt=row["attempt_no"])


async def _wait(
    tx: Transaction, case: LockedRefund, row: dict[str, Any], terms: PayoutTerms
) -> None:
    """Say when to look again: later each time, and seldom once a person was asked."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row["tries"], DOUBLINGS_MAX))
    row["tries"] += 1
    if needs_person(as_attempt(row), tx.now, terms.key_retention):
        wait = WAIT_FOR_PERSON
        if row["person_asked_at"] is None:
            row["person_asked_at"] = tx.now
            words = (
                f"Nobody knows whether {case.amount} was paid back: the gateway no longer tells. "
                "Find out and settle the refund."
            )
            await _ask(tx, case, words)
    row["next_at"] = tx.now + wait


async def _tell_contradiction(
    tx: Transaction, case: LockedRefund, row: dict[str, Any], said: GatewayReport
) -> None:
    words = (
        f"The gateway says {said.word} of attempt {row['attempt_no']} at {case.amount}, which had"
        f" ended as {row['state']}: money may have moved that the books do not know."
    )
    await _ask(tx, case, words)


async def _ask(tx: Transaction, case: LockedRefund, words: str) -> None:
    kind, subject = ExceptionKind.REFUND_UNKNOWN, ("Refund", case.id)
    await exceptions.open(tx, kind, subject, words, channel_id=case.order["channel_id"])
