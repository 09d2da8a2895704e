"""Master data in common: written where it changed, with one event and one audit row each.

Also the two shortest nouns: suppliers and reason codes. Concurrent upserts of a new code meet at
its unique key; the loser's transaction is tried again and finds the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tortoise.models import Model

import models.queries.catalog.catalog as catalog_queries
from domain.access.callers import Caller
from domain.catalog.commands import UpsertReasonCode, UpsertSupplier
from domain.catalog.validation import changed, reason_facts, supplier_facts
from domain.problems import Problems
from models.catalog import Channel, Location, ReasonCode, Supplier
from models.database.sessions import Row
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Refused
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Master:
    """A noun of master data: its table, and its names in events, audit and GraphQL."""

    model: type[Model]
    subject: str
    event: str
    action: str
    scope: str | None = None


SUPPLIER = Master(Supplier, "Supplier", "supplier.upserted", "supplierUpsert")
REASON_CODE = Master(ReasonCode, "ReasonCode", "reason.upserted", "reasonCodeUpsert")
LOCATION = Master(Location, "Location", "location.upserted", "locationUpsert", "location_id")
CHANNEL = Master(Channel, "Channel", "channel.changed", "channelUpsert", "channel_id")


@dataclass(frozen=True, slots=True)
class Written:
    """A row after its upsert: what changed, before and after; nothing where it stayed as it was."""

    id: int
    version: int
    before: Mapping[str, object] | None
    after: Mapping[str, object]


async def write(
    tx: Transaction,
    master: Master,
    current: Row | None,
    key: Mapping[str, str],
    wanted: Mapping[str, object],
    defaults: Mapping[str, object],
) -> Written:
    """Make the row of `key`, or bring the locked `current` one to what is wanted."""
    if current is None:
        facts = {**defaults, **wanted}
        await tx.session.insert(master.model, [{**key, **facts}])
        made = await catalog_queries.lock_master(tx.session, master.model, **key)
        assert made is not None
        return Written(made["id"], made["version"], None, facts)
    after = changed(current, wanted)
    if after:
        await catalog_queries.update_master(tx.session, master.model, current["id"], after)
    before = {column: current[column] for column in after}
    return Written(current["id"], current["version"] + bool(after), before, after)


def report(
    tx: Transaction, master: Master, key: Mapping[str, str], written: Written, caller: Caller
) -> None:
    """One event and one audit row of a change; none where nothing changed."""
    if not written.after:
        return
    scope: dict[str, Any] = {} if master.scope is None else {master.scope: written.id}
    tx.outbox.record(
        master.event,
        (master.subject, written.id),
        actor=caller.actor,
        data={**key, "created": written.before is None, "changed": sorted(written.after)},
        version=written.version,
        **scope,
    )
    tx.outbox.audit(
        caller.actor,
        master.action,
        (master.subject, written.id),
        before=written.before,
        after={**key, **written.after},
    )


def refuse(problems: Problems, *prefix: str) -> None:
    """Raise Refused for every fault found, fields below `prefix`; return where there is none."""
    if problems.errors:
        raise Refused([error.under(*prefix) for error in problems.errors])


@one_by_one("reasonCodeUpsert")
async def upsert_reason_code(
    tx: Transaction, command: UpsertReasonCode, caller: Caller
) -> Mapping[str, Any]:
    """Make or change a reason code; inactive ones stay readable on what used them."""
    problems = Problems()
    facts = reason_facts(command, problems)
    refuse(problems)
    key = {"kind": command.kind.value, "code": command.code}
    current = await catalog_queries.lock_master(tx.session, ReasonCode, **key)
    written = await write(tx, REASON_CODE, current, key, facts, {"active": True})
    report(tx, REASON_CODE, key, written, caller)
    return {"reasonCode": written.id}


@one_by_one("supplierUpsert")
async def upsert_supplier(
    tx: Transaction, command: UpsertSupplier, caller: Caller
) -> Mapping[str, Any]:
    """Make or change a supplier."""
    problems = Problems()
    facts = supplier_facts(command, problems)
    refuse(problems)
    key = {"code": command.code}
    current = await catalog_queries.lock_master(tx.session, Supplier, **key)
    written = await write(tx, SUPPLIER, current, key, facts, {})
    report(tx, SUPPLIER, key, written, caller)
    return {"supplier": written.id}
