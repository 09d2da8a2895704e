"""Small actions that do what a test of the machinery needs, and a few rows to do it on."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.access.callers import Caller, Role, holder
from domain.errors import Invalid, PolicyViolation
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
    """Make a supplier; `fault`: what goes wrong behind that."""

    code: str
    fault: str = ""


class Crash(Exception):
    """What nobody expected."""


class Gate:
    """Holds a workflow inside its transaction until a test lets it go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.runs = 0

    async def pass_through(self) -> None:
        """Say that somebody is inside, and wait."""
        self.runs += 1
        self.entered.set()
        await self.opened.wait()


@one_by_one("supplierName")
async def name_supplier(
    tx: Transaction, command: NameSupplier, caller: Caller
) -> Mapping[str, Any]:
    """Make a supplier, with an event and an audit row, then do what `fault` says."""
    tx.add(Supplier, {"code": command.code, "name": command.code})
    tx.outbox.record("supplier.named", ("Supplier", command.code), actor=caller.actor, data={})
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
    """One call of `name_supplier`."""
    return Request(NameSupplier(code, fault), caller, key)


async def places(database: Database, *skus: str, locations: int = 1) -> list[int]:
    """Items of these SKUs (their ids) and locations 1 … n, straight into their tables."""
    async with database.writer() as session:
        for number in range(1, locations + 1):
            await session.execute(
                "INSERT INTO location (id, code, name, kind, time_zone, pack_required, active)"
                " VALUES ($1, $2, $2, 'WAREHOUSE', 'UTC', $3, $4)",
                number,
                f"L{number}",
                False,
                True,
            )
        ids = []
        for sku in skus:
            row = await session.fetch_one(
                "INSERT INTO item (sku, name, returnable, created_at, updated_at)"
                " VALUES ($1, $1, $2, $3, $3) RETURNING id",
                sku,
                True,
                MORNING,
            )
            assert row is not None
            ids.append(int(row["id"]))
    return ids


async def receive(tx: Transaction, item_id: int, units: int, value_minor: int) -> None:
    """Units of an item come to location 1: columns, movement, cost and journal."""
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
