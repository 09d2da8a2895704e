"""Small actions for tests of the transaction machinery, and a few rows for them to use."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from domain.access.callers import Caller, Role, holder
from domain.errors import Invalid, PolicyViolation
from domain.events.payloads import EventPayload
from domain.ledger.entries import Occasion, receipt
from domain.stock.states import StockState
from domain.values.money import Money
from models.catalog import Supplier
from models.database.database import Database
from tests.builders.transactions import MORNING
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Request
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

CLERK = holder(Role.ADMIN, actor="clerk")


@dataclass(frozen=True, slots=True)
class NameSupplier:
    """Create a supplier; `fault` is the failure to raise afterwards."""

    code: str
    fault: str = ""


class Crash(Exception):
    """An unexpected failure."""


class Gate:
    """Blocks a workflow inside its transaction until the test opens the gate."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.runs = 0

    async def pass_through(self) -> None:
        """Note that a workflow has entered, and wait until the gate is open."""
        self.runs += 1
        self.entered.set()
        await self.opened.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierNamed(EventPayload):
    """A supplier was made by `name_supplier`."""

    type: ClassVar[str] = "supplier.named"
    subject_type: ClassVar[str] = "Supplier"
    scoped_by: ClassVar[tuple[str, ...]] = ()


@one_by_one("supplierName")
async def name_supplier(
    tx: Transaction, command: NameSupplier, caller: Caller
) -> Mapping[str, Any]:
    """Create a supplier with an event and an audit entry, then fail as `fault` says."""
    tx.add(Supplier, {"code": command.code, "name": command.code})
    tx.outbox.record(SupplierNamed(), command.code, actor=caller.actor)
    tx.outbox.audit(caller.actor, "supplierName", ("Supplier", command.code))
    if command.fault == "rule":
        raise PolicyViolation("No.", field=("code",), details={"code": command.code})
    if command.fault == "invalid":
        raise Invalid("No.", field=("code",))
    if command.fault == "crash":
        raise Crash
    return {"supplier": command.code}


def naming(
    code: str, *, key: str | None = None, fault: str = "", caller: Caller = CLERK
) -> Request[NameSupplier]:
    """A request of `name_supplier`."""
    return Request(NameSupplier(code, fault), caller, key)


async def places(database: Database, *skus: str, locations: int = 1) -> list[int]:
    """Insert items with these SKUs and locations 1 … n by SQL; return the item ids."""
    async with database.writer() as session:
        for number in range(1, locations + 1):
            await session.execute(
                "INSERT INTO location (id, code, code_key, name, kind, time_zone, pack_required,"
                " active) VALUES ($1, $2, lower($2), $2, 'WAREHOUSE', 'UTC', $3, $4)",
                number,
                f"L{number}",
                False,
                True,
            )
        ids = []
        for sku in skus:
            row = await session.fetch_one(
                "INSERT INTO item (sku, sku_key, name, returnable, created_at, updated_at)"
                " VALUES ($1, lower($1), $1, $2, $3, $3) RETURNING id",
                sku,
                True,
                MORNING,
            )
            assert row is not None
            ids.append(int(row["id"]))
    return ids


async def receive(tx: Transaction, item_id: int, units: int, value_minor: int) -> None:
    """Receive units of an item at location 1: stock move, cost and journal entry."""
    await tx.stock.open_levels([(item_id, 1)])
    await tx.costs.lock([item_id])
    tx.costs.receive(item_id, units, value_minor)
    change = StockMove(
        item_id=item_id,
        location_id=1,
        from_state=None,
        to_state=StockState.AVAILABLE,
        quantity=units,
        actor="clerk",
        value_minor=value_minor,
        value_currency="GBP",
    )
    tx.stock.move(change)
    entry = receipt(units, Money(value_minor, "GBP"), Occasion("delivery", tx.now))
    tx.journal.post(entry, actor="clerk", location_id=1)
