"""Upserts of master data by querysets: one event and one audit row for each row that changed.

Also the upserts of suppliers and reason codes. When two transactions insert the same new code, the
unique key refuses the second. It is tried again and then finds the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.access.callers import Caller
from domain.catalog.commands import UpsertReasonCode, UpsertSupplier
from domain.catalog.validation import Facts, changed, reason_facts, supplier_facts
from domain.events.catalog import (
    MasterDataPayload,
    MasterDataStep,
    ReasonUpserted,
    SupplierUpserted,
    changed_fields,
)
from domain.problems import Problems
from models.catalog import Channel, Location, ReasonCode, Supplier
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

MasterT = TypeVar("MasterT", Supplier, ReasonCode, Location, Channel)


@dataclass(frozen=True, slots=True)
class Master(Generic[MasterT]):
    """A kind of master data: its table, and its names in events, audit rows and GraphQL."""

    model: type[MasterT]
    subject: str
    action: str
    scope: str | None = None


SUPPLIER = Master(Supplier, "Supplier", "supplierUpsert")
REASON_CODE = Master(ReasonCode, "ReasonCode", "reasonCodeUpsert")
LOCATION = Master(Location, "Location", "locationUpsert", "location_id")
CHANNEL = Master(Channel, "Channel", "channelUpsert", "channel_id")


@dataclass(frozen=True, slots=True)
class UpsertedRow:
    """An upserted row, with the columns that changed: `before` is None for a new row."""

    id: int
    version: int
    before: Mapping[str, object] | None
    after: Mapping[str, object]

    @property
    def step(self) -> MasterDataStep:
        """The fields that every event of master data has."""
        return {"created": self.before is None, "changed": changed_fields(self.after)}


async def lock(tx: Transaction, master: Master[MasterT], key: Mapping[str, str]) -> MasterT | None:
    """The row of `key`, locked until the transaction ends; None if it does not exist.

    `key` names the code as `code_key`, so that the row is found in any spelling of the code.
    """
    locked = master.model.select_for_update(no_key=True, using_db=tx.session.client)
    return await locked.get_or_none(**key)


def code_of(current: MasterT | None, given: str) -> str:
    """The code of a row in the spelling in which it was created."""
    return given if current is None else current.code


async def write(
    tx: Transaction,
    master: Master[MasterT],
    current: MasterT | None,
    key: Mapping[str, str],
    wanted: Mapping[str, object],
    defaults: Mapping[str, object],
) -> UpsertedRow:
    """Insert the row of `key`, or update the columns of the locked `current` that differ."""
    client = tx.session.client
    if current is None:
        facts = {**defaults, **wanted}
        created = await master.model.create(using_db=client, **key, **facts)
        return UpsertedRow(created.id, created.version, None, facts)
    before = {column: getattr(current, column) for column in wanted}
    after: Facts = changed(before, wanted)
    if after:
        current.update_from_dict({**after, "version": current.version + 1})
        await current.save(using_db=client, update_fields=[*after, "version"])
    return UpsertedRow(
        current.id, current.version, {column: before[column] for column in after}, after
    )


def report(
    tx: Transaction,
    master: Master[MasterT],
    key: Mapping[str, str],
    upserted: UpsertedRow,
    caller: Caller,
    event: MasterDataPayload,
    place: int | None = None,
) -> None:
    """Record one event and one audit row of a change; nothing if no column changed.

    `place`: the id of the channel or location that limits who sees the event; None: the row's own.
    """
    if not upserted.after:
        return
    scope: dict[str, Any] = {} if master.scope is None else {master.scope: place or upserted.id}
    tx.outbox.record(
        event,
        upserted.id,
        actor=caller.actor,
        version=upserted.version,
        **scope,
    )
    tx.outbox.audit(
        caller.actor,
        master.action,
        (master.subject, upserted.id),
        before=upserted.before,
        after={**key, **upserted.after},
    )


@one_by_one("reasonCodeUpsert")
async def upsert_reason_code(
    tx: Transaction, command: UpsertReasonCode, caller: Caller
) -> Mapping[str, Any]:
    """Create or change a reason code. Inactive codes stay readable on objects that use them.

    All faults are reported together. Records `reason.upserted`.
    """
    problems = Problems()
    facts = reason_facts(command, problems)
    problems.refuse()
    kind = command.kind.value
    current = await lock(tx, REASON_CODE, {"kind": kind, "code_key": command.code})
    key = {"kind": kind, "code": code_of(current, command.code)}
    upserted = await write(tx, REASON_CODE, current, key, facts, {"active": True})
    event = ReasonUpserted(kind=command.kind, code=key["code"], **upserted.step)
    report(tx, REASON_CODE, key, upserted, caller, event)
    return {"reasonCode": upserted.id}


@one_by_one("supplierUpsert")
async def upsert_supplier(
    tx: Transaction, command: UpsertSupplier, caller: Caller
) -> Mapping[str, Any]:
    """Create or change a supplier.

    All faults are reported together. Records `supplier.upserted`.
    """
    problems = Problems()
    facts = supplier_facts(command, problems)
    problems.refuse()
    current = await lock(tx, SUPPLIER, {"code_key": command.code})
    key = {"code": code_of(current, command.code)}
    upserted = await write(tx, SUPPLIER, current, key, facts, {})
    event = SupplierUpserted(code=key["code"], **upserted.step)
    report(tx, SUPPLIER, key, upserted, caller, event)
    return {"supplier": upserted.id}
