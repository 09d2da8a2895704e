"""Judgement of integrations by their calls, in one transaction for many calls.

The rows of `integration_health` are locked first, in the order of their ids; the row of an
integration only if its status changes. So calls of different integrations, and readers of the
status, never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.integrations.health as health_queries
import workflows.integrations.records as records
import workflows.policies.publishing as policies
from domain.access.callers import SYSTEM
from domain.integrations.figures import CallOutcome, buckets_as_json
from domain.integrations.health import (
    JUDGED,
    HealthRecord,
    HealthVerdict,
    WaitingWork,
    in_status,
    judge,
    with_calls,
)
from domain.integrations.limits import HealthRules
from domain.integrations.states import IntegrationStatus
from domain.policies.policies import Facts, PolicyKind, choose
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.integrations import Integration, IntegrationHealthRow
from models.queries.integrations.health import JudgedRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

# RECOVERING needs ten successes, also while nothing else is to be sent.
RECOVERY_PROBE: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class News:
    """New calls of an integration, in their order, and its backlog; None: it was not counted."""

    outcomes: Sequence[CallOutcome] = ()
    backlog: WaitingWork | None = None


async def take(tx: Transaction, news: Mapping[str, News]) -> None:
    """Add calls and backlogs to the figures of integrations, by the keys of their codes.

    Codes without an integration are ignored. Records `integration.<status>` for each new status.
    """
    tx.locking(LockClass.INTEGRATION)
    ids = [row["id"] for row in await health_queries.by_code(tx.session, news)]
    stored = await health_queries.lock(tx.session, ids)
    # Read after the lock: another transaction may have changed the status before.
    rows = await health_queries.by_code(tx.session, news)
    rules = await rules_of(tx.session, tx.now, rows)
    for row in rows:
        found = news[comparison_key(row["code"])]
        await _take(tx, row, stored[row["id"]], found, rules[row["id"]])


async def rules_of(
    session: Session, now: datetime, rows: Sequence[JudgedRow]
) -> dict[UUID, HealthRules]:
    """The limits of each integration: by the policy of its channel, else the global one."""
    found = await policies.in_force(session, PolicyKind.CONTINUITY, now)
    ids = {row["channel_id"] for row in rows if row["channel_id"] is not None}
    channels = await lookups.channels_by_id(session, list(ids)) if ids else {}
    rules: dict[UUID, HealthRules] = {}
    for row in rows:
        channel = None if row["channel_id"] is None else channels[row["channel_id"]].code
        rules[row["id"]] = choose(found, Facts(channel, None, None), now).rules.health
    return rules


async def _take(
    tx: Transaction, row: JudgedRow, stored: IntegrationHealthRow, news: News, rules: HealthRules
) -> None:
    status = IntegrationStatus(row["status"])
    record = in_status(health_queries.health_record(stored), status, row["status_since_at"])
    record = with_calls(record, news.outcomes, tx.now)
    if news.backlog is not None:
        record = replace(record, backlog=news.backlog)
    next_probe_at = stored["next_probe_at"]
    if status is IntegrationStatus.RECOVERING and next_probe_at is None:
        next_probe_at = tx.now  # a person has resumed it
    verdict = judge(status, record, rules, tx.now) if status in JUDGED else None
    if verdict is not None and await _changes(tx, row, verdict):
        record = in_status(record, verdict.status, tx.now)
        next_probe_at = _next_probe(tx, verdict.status)
    await health_queries.write(tx.session, _row_of(record, row, next_probe_at))


async def _changes(tx: Transaction, row: JudgedRow, verdict: HealthVerdict) -> bool:
    """Give an integration its new status, unless a person has just given it another one."""
    locked = Integration.select_for_update(no_key=True, using_db=tx.session.client)
    integration = await locked.get(id=row["id"])
    if integration.status != row["status"]:
        return False
    await records.set_status(tx, integration, verdict.status, verdict.reasons, SYSTEM.actor)
    return True


def _next_probe(tx: Transaction, status: IntegrationStatus) -> datetime | None:
    if status is IntegrationStatus.DOWN:
        return tx.now + tx.terms.probe_every
    if status is IntegrationStatus.RECOVERING:
        return tx.now + min(RECOVERY_PROBE, tx.terms.probe_every)
    return None


def _row_of(
    record: HealthRecord, row: JudgedRow, next_probe_at: datetime | None
) -> IntegrationHealthRow:
    return {
        "integration_id": row["id"],
        "since_at": record.since,
        "judged_since_at": record.judged_since,
        "failures_in_a_row": record.failures_in_a_row,
        "successes_in_a_row": record.successes_in_a_row,
        "last_success_at": record.last_success_at,
        "last_error": record.last_error,
        "backlog": record.backlog.count,
        "oldest_at": record.backlog.oldest_at,
        "next_probe_at": next_probe_at,
        "buckets": orjson.dumps(buckets_as_json(record.buckets)).decode(),
    }
