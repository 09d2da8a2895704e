"""A small store: two warehouses, a web shop and a marketplace, four items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.availability.availability
import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.orders.cancellations
import workflows.orders.placement
import workflows.orders.shipments
import workflows.policies.publishing
import workflows.reservations.reservations
import workflows.stock.adjustments
import workflows.stock.goods_receipts
from domain.access.callers import Caller, Role, holder
from domain.policies.policies import PolicyKind
from domain.stock.states import StockState
from domain.values.money import Money
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location, an_item, gbp, items
from tests.builders.transactions import Clock, rows, transactions_on
from workflows.orders.cancellations import CancelLine, CancelOrder
from workflows.orders.commands import NewLine, PlaceOrder
from workflows.orders.shipments import ShipFulfillment
from workflows.policies.publishing import PublishPolicy
from workflows.reactions import REACTIONS
from workflows.reservations.commands import (
    CreateReservation,
    ExtendReservation,
    HoldLine,
    ReleaseReservation,
)
from workflows.stock.adjustments import AdjustStock, MoveStock
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions

ADMIN = holder(Role.ADMIN, actor="ada")
CLERK = holder(Role.WAREHOUSE, actor="walt")
SHOP = holder(Role.STOREFRONT, actor="shop", channels=frozenset({"web"}))
SKUS = ("TEE-S", "TEE-M", "TEE-L", "COAT")


def pounds(amount: str) -> Money:
    """An amount in pounds as domain money."""
    whole, _, pence = amount.partition(".")
    return Money(int(whole) * 100 + int(pence.ljust(2, "0") or 0), "GBP")


@dataclass
class Shop:
    """Stock and order operations on a test's store."""

    database: Database
    transactions: Transactions
    clock: Clock

    async def receive(
        self, units: int, sku: str = "TEE-M", at: str = "LEEDS", cost: str = "4.00"
    ) -> Outcome:
        line = ReceiptLine(sku, units, pounds(cost))
        command = ReceiveStock(at, "PO-1", (line,))
        return await self.transactions.perform(
            workflows.stock.goods_receipts.receive, Request(command, ADMIN)
        )

    async def adjust(
        self, delta: int, sku: str = "TEE-M", at: str = "LEEDS", *, by: Caller = ADMIN, **facts: Any
    ) -> Outcome:
        command = AdjustStock(at, sku, delta, facts.pop("reason", "COUNT"), **facts)
        return await self.transactions.perform(
            workflows.stock.adjustments.adjust, Request(command, by)
        )

    async def move(
        self, units: int, from_state: str, to_state: str, sku: str = "TEE-M", at: str = "LEEDS"
    ) -> Outcome:
        states = (StockState(from_state), StockState(to_state))
        command = MoveStock(at, sku, *states, units, "QUALITY")
        return await self.transactions.perform(
            workflows.stock.adjustments.move, Request(command, ADMIN)
        )

    async def hold(
        self,
        *lines: tuple[str, int] | tuple[str, int, str],
        channel: str = "web",
        by: Caller = ADMIN,
        key: str | None = None,
        **facts: Any,
    ) -> Outcome:
        wanted = tuple(HoldLine(*line) for line in lines)
        command = CreateReservation(channel, wanted, **facts)
        request = Request(command, by, key)
        return await self.transactions.perform(workflows.reservations.reservations.create, request)

    async def release(self, hold: Outcome, by: Caller = ADMIN) -> Outcome:
        command = ReleaseReservation(UUID(hold.refs["reservation"]))
        return await self.transactions.perform(
            workflows.reservations.reservations.release, Request(command, by)
        )

    async def extend(self, hold: Outcome, seconds: int, by: Caller = ADMIN) -> Outcome:
        command = ExtendReservation(UUID(hold.refs["reservation"]), seconds)
        return await self.transactions.perform(
            workflows.reservations.reservations.extend, Request(command, by)
        )

    async def place(
        self,
        *lines: tuple[str, int],
        channel: str = "web",
        reference: str = "W-1",
        hold: Outcome | None = None,
        by: Caller = ADMIN,
        **facts: Any,
    ) -> Outcome:
        command = PlaceOrder(
            channel=channel,
            external_reference=reference,
            lines=tuple(NewLine(sku, units, pounds("10.00")) for sku, units in lines),
            reservation_id=None if hold is None else UUID(hold.refs["reservation"]),
            **facts,
        )
        return await self.transactions.perform(
            workflows.orders.placement.place, Request(command, by)
        )

    async def cancel(self, order: Outcome, *lines: tuple[str, int], by: Caller = ADMIN) -> Outcome:
        chosen = tuple(CancelLine(UUID(str(line)), units) for line, units in lines) or None
        command = CancelOrder(UUID(order.refs["order"]), "CUSTOMER_REQUEST", chosen)
        return await self.transactions.perform(
            workflows.orders.cancellations.cancel, Request(command, by)
        )

    async def ship(self, fulfillment_id: object, by: Caller = ADMIN, **facts: Any) -> Outcome:
        named = {"carrier": "DHL", "tracking_number": "JD0001", **facts}
        command = ShipFulfillment(UUID(str(fulfillment_id)), **named)
        return await self.transactions.perform(
            workflows.orders.shipments.ship, Request(command, by)
        )

    async def publish(self, kind: PolicyKind, rules: dict[str, Any], scope: str = "global") -> None:
        command = PublishPolicy(kind, scope, rules)
        outcome = await self.transactions.perform(
            workflows.policies.publishing.publish, Request(command, ADMIN)
        )
        assert not outcome.refusals

    async def fulfillments(self, order: Outcome) -> list[dict[str, Any]]:
        return await rows(
            self.database,
            "SELECT f.id, f.status, l.code AS location, f.version FROM fulfillment f"
            " JOIN location l ON l.id = f.location_id WHERE f.order_id = $1 ORDER BY f.created_at,"
            " f.id",
            UUID(order.refs["order"]),
        )

    async def lines(self, order: Outcome) -> list[dict[str, Any]]:
        return await rows(
            self.database,
            "SELECT * FROM order_line WHERE order_id = $1 ORDER BY line_no",
            UUID(order.refs["order"]),
        )

    async def order(self, order: Outcome) -> dict[str, Any]:
        found = await rows(
            self.database, "SELECT * FROM sales_order WHERE id = $1", UUID(order.refs["order"])
        )
        return found[0]

    async def level(self, sku: str = "TEE-M", at: str = "LEEDS") -> dict[str, int]:
        found = await rows(
            self.database,
            "SELECT s.available, s.held, s.allocated, s.quality_control, s.quarantine,"
            " s.refurbishing, s.damaged FROM stock_level s JOIN item i ON i.id = s.item_id"
            " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = $2",
            sku,
            at,
        )
        return {state: units for state, units in found[0].items() if units} if found else {}

    async def atp(self, sku: str = "TEE-M", channel: str = "web") -> int:
        async with self.database.snapshot() as session:
            found = await workflows.availability.availability.find(
                session, channel, [sku], ADMIN, self.clock.now
            )
        assert found[0] is not None
        return found[0].available_to_promise


async def open_shop(database: Database, **channel: Any) -> Shop:
    """Create the store without stock. `channel` holds fields of the web shop's channel."""
    clock = Clock()
    transactions = transactions_on(database, clock=clock, reactions=REACTIONS)
    shop = Shop(database, transactions, clock)
    await furnish(shop, **channel)
    return shop


async def furnish(shop: Shop, **channel: Any) -> None:
    """Create the items, locations and channels of the store."""
    perform = shop.transactions.perform
    goods = [an_item(sku, price=gbp("10.00")) for sku in SKUS]
    goods[3] = an_item("COAT", price=gbp("90.00"), category="coats")
    await perform(workflows.catalog.items.upsert, items(*goods))
    for code in ("LEEDS", "YORK"):
        await perform(workflows.catalog.locations.upsert, a_location(code))
    both = ("LEEDS", "YORK")
    shops = (
        a_channel("web", location_codes=both, **{"priority": 1, **channel}),
        a_channel("market", location_codes=both, priority=5),
    )
    for each in shops:
        outcome = await perform(workflows.catalog.channels.upsert, each)
        assert not outcome.refusals


async def hold_all(shop: Shop, orders: Sequence[Sequence[str]], ttl_seconds: int = 60) -> None:
    """Make a hold of one unit of each SKU for each of these lists."""
    create = workflows.reservations.reservations.create
    for first in range(0, len(orders), 1_000):
        requests = [
            Request(
                CreateReservation(
                    "web", tuple(HoldLine(sku, 1) for sku in order), ttl_seconds=ttl_seconds
                ),
                ADMIN,
            )
            for order in orders[first : first + 1_000]
        ]
        for outcome in await shop.transactions.perform_all(create, requests):
            assert not outcome.refusals
