"""An order under its lock: units by state, changed in memory and written together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.orders.orders as order_queries
from domain.errors import NotFound
from domain.events.orders import OrderChangedPayload, OrderStep
from domain.orders.orders import LEFT, LineMoney, OrderLineState, OrderStatus, status_of
from domain.refunds.accounts import CustomerAccount
from models.orders import units_by_state
from models.queries.orders.orders import LockedLineRow, LockedOrderRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction


@dataclass(slots=True)
class Line:
    id: UUID
    item_id: int
    sku: str
    money: LineMoney
    units: dict[OrderLineState, int]
    location_id: int | None = None
    """The location that the line names: its units come from nowhere else."""

    @property
    def left(self) -> int:
        """Units that have shipped; they are the first units of the line."""
        return sum(self.units[state] for state in LEFT)

    @property
    def cancelled(self) -> int:
        """Units that were cancelled; they are the last units of the line."""
        return self.units[OrderLineState.CANCELLED]

    def shift(self, from_state: OrderLineState, to_state: OrderLineState, quantity: int) -> None:
        """Move units between states. A CHECK constraint refuses a negative number of units."""
        self.units[from_state] -= quantity
        self.units[to_state] += quantity


@dataclass(slots=True)
class LockedOrder:
    """A locked order: its row, its lines in line order, and its customer's account."""

    row: LockedOrderRow
    lines: list[Line]
    account: CustomerAccount

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def number(self) -> str:
        return self.row["number"]

    @property
    def channel_id(self) -> int:
        return self.row["channel_id"]

    @property
    def currency(self) -> str:
        return self.row["currency"]

    @property
    def service_level(self) -> str:
        return self.row["service_level"]

    @property
    def shipping_minor(self) -> int:
        return self.row["shipping_minor"]

    @property
    def shipping_tax_minor(self) -> int:
        return self.row["shipping_tax_minor"]

    @property
    def total_minor(self) -> int:
        return self.row["total_minor"]

    @property
    def placed_at(self) -> datetime:
        return self.row["placed_at"]

    def time_of(self, now: datetime) -> datetime:
        """The time of a fact of this order that happens now.

        It is not before the order, which a process with a faster clock may have placed.
        """
        return max(now, self.placed_at)

    @property
    def ship_by_at(self) -> datetime | None:
        return self.row["ship_by_at"]

    @property
    def version(self) -> int:
        return self.row["version"]

    @property
    def recorded_status(self) -> str:
        """The status stored in the row; `status` is derived from the lines."""
        return self.row["status"]

    def line(self, line_id: UUID) -> Line | None:
        return next((line for line in self.lines if line.id == line_id), None)

    @property
    def status(self) -> OrderStatus:
        """The status derived from the lines."""
        return status_of(line.units for line in self.lines)

    @property
    def has_shipped(self) -> bool:
        """True if at least one unit has shipped."""
        return any(line.left for line in self.lines)


async def lock(tx: Transaction, order_id: UUID, field: tuple[str, ...]) -> LockedOrder:
    """Lock an order and read its lines. Raises NotFound at `field`."""
    tx.locking(LockClass.ORDER)
    row = await order_queries.lock_order(tx.session, order_id)
    if row is None:
        raise NotFound("order", str(order_id), field=field)
    return (await load(tx, [row]))[0]


async def lock_all(tx: Transaction, order_ids: Iterable[UUID]) -> dict[UUID, LockedOrder]:
    """Lock these orders in the order of their ids, and read their lines."""
    tx.locking(LockClass.ORDER)
    rows = await order_queries.lock_orders(tx.session, sorted(set(order_ids)))
    return {order.id: order for order in await load(tx, rows)}


async def reload(tx: Transaction, order_id: UUID) -> LockedOrder:
    """Read again an order that this transaction has locked already."""
    await tx.flush()
    row = await order_queries.lock_order(tx.session, order_id)
    assert row is not None
    return (await load(tx, [row]))[0]


async def try_lock(tx: Transaction, order_ids: Iterable[UUID]) -> list[LockedOrder]:
    """Lock those of these orders that no other transaction has locked.

    It never waits, so the lock order allows it at any time.
    """
    return await load(tx, await order_queries.lock_free_orders(tx.session, sorted(set(order_ids))))


async def load(tx: Transaction, rows: Iterable[LockedOrderRow]) -> list[LockedOrder]:
    orders = {
        row["id"]: LockedOrder(
            row, [], CustomerAccount(row["deposit_minor"], row["receivable_minor"])
        )
        for row in rows
    }
    for line in await order_queries.lines_of(tx.session, sorted(orders)) if orders else []:
        orders[line["order_id"]].lines.append(_line(line))
    return list(orders.values())


def _line(row: LockedLineRow) -> Line:
    money = LineMoney(
        row["quantity"], row["unit_price_minor"], row["discount_minor"], row["tax_minor"]
    )
    units = units_by_state(row)
    return Line(row["id"], row["item_id"], row["sku"], money, units, row["location_id"])


async def write(tx: Transaction, order: LockedOrder) -> OrderStep:
    """Write the lines, the status derived from them, and the account, as a new version.

    Returns the fields of the event of this change, for `record`.
    """
    [step] = await write_all(tx, [order])
    return step


async def write_all(tx: Transaction, orders: Sequence[LockedOrder]) -> list[OrderStep]:
    """Write several orders as `write` does, with one call to the database."""
    lines = [
        (line.id, {state.lower(): units for state, units in line.units.items()})
        for order in orders
        for line in order.lines
    ]
    rows = [(order.id, str(order.status), order.version + 1) for order in orders]
    await order_queries.write_orders(tx.session, lines, rows, tx.now)
    steps: list[OrderStep] = []
    for order in orders:
        before, after = OrderStatus(order.recorded_status), order.status
        order.row = {**order.row, "status": str(after), "version": order.version + 1}
        steps.append({"number": order.number, "status": after, "before": before})
        account = (order.account.deposit_minor, order.account.receivable_minor)
        if account != (order.row["deposit_minor"], order.row["receivable_minor"]):
            await write_account(tx, order)
    return steps


async def write_account(tx: Transaction, order: LockedOrder) -> None:
    """Write the deposit and the debt of a locked order. It is not a new version of the order."""
    account = order.account
    await order_queries.write_account(
        tx.session, order.id, account.deposit_minor, account.receivable_minor, tx.now
    )
    order.row = {
        **order.row,
        "deposit_minor": account.deposit_minor,
        "receivable_minor": account.receivable_minor,
    }


def record(tx: Transaction, order: LockedOrder, event: OrderChangedPayload, actor: str) -> None:
    """Record an event of an order that was just written."""
    tx.outbox.record(
        event,
        order.id,
        actor=actor,
        version=order.version,
        channel_id=order.channel_id,
    )
