"""Demo data: every row is written by a workflow, so the data obeys the rules that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import models.queries.access as key_queries
import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import scripts.demo.story as story
import workflows.access.api_keys
import workflows.carriers.label_requests
import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.catalog.master_data
import workflows.counts.creation
import workflows.counts.recording
import workflows.orders.cancellations
import workflows.orders.placement
import workflows.orders.shipments
import workflows.policies.publishing
import workflows.reservations.reservations
import workflows.stock.adjustments
import workflows.stock.goods_receipts
import workflows.stock.putaways
import workflows.transfers.requests
import workflows.transfers.shipments
from domain.access.api_keys import CreateKey, RevokeKey
from domain.access.callers import SYSTEM, Caller, Role, holder
from domain.catalog.commands import (
    GivenMoney,
    UpsertChannel,
    UpsertItem,
    UpsertItems,
    UpsertLocation,
    UpsertSupplier,
)
from domain.orders.fulfillment_holds import NewHold
from domain.policies.policies import PolicyKind
from domain.stock.states import StockState
from domain.values.money import Money, at_rate, decimals_of, to_decimal
from models.database.database import Database
from scripts.demo.story import DemoItem, DemoOrder
from workflows.carriers.commands import BuyLabel
from workflows.counts.counted_items import CountedPlace, RecordCount
from workflows.counts.creation import CreateCount
from workflows.orders.cancellations import CancelOrder
from workflows.orders.commands import Address, NewLine, PlaceOrder
from workflows.orders.shipments import ShipFulfillment
from workflows.policies.publishing import PublishPolicy
from workflows.reservations.commands import CreateReservation, HoldLine
from workflows.stock.adjustments import AdjustStock, MoveStock
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, SetSafetyStock
from workflows.stock.putaways import PutAway, PutAwayLine
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions
from workflows.transfers.commands import CreateTransfer, ShipTransfer, TransferUnitsOf

CommandT = TypeVar("CommandT")


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """One API key's text for each role, and the channel that is open without a key."""

    by_role: Mapping[Role, str]
    anonymous_channel: str = story.STOREFRONT


class DemoRefused(RuntimeError):
    """A workflow refused a part of the demo: story.py contradicts the rules."""


async def is_empty(database: Database) -> bool:
    """True if the database is unused: it has neither items nor locations nor channels."""
    async with database.snapshot() as session:
        for table in ("item", "location", "channel"):
            if await session.fetch_one(f"SELECT id FROM {table} LIMIT 1") is not None:
                return False
    return True


async def seed(transactions: Transactions, database: Database) -> DemoKeys:
    """Write the demo data into an empty database; return the demo keys.

    Each run writes the same data, except for ids, keys and times, which count back from the clock.
    """
    seeder = _Seeder(transactions, database)
    await seeder.create_master_data()
    await seeder.receive_stock()
    await seeder.count_stock()
    for order in story.ORDERS:
        await seeder.place_order(order)
    await seeder.hold_units()
    await seeder.send_transfer()
    return await renew_keys(transactions, database)


async def renew_keys(transactions: Transactions, database: Database) -> DemoKeys:
    """Create a new demo key for each role and revoke the old ones.

    The text of a key is not stored, so an old key cannot be shown again.
    """
    async with database.snapshot() as session:
        names = [_key_name(role) for role in Role]
        old = [
            row["id"] for row in await key_queries.keys_named(session, names, transactions.clock())
        ]
    by_role = {}
    for role in Role:
        channels, locations = story.SCOPES[role]
        command = CreateKey(
            _key_name(role), role, _actor(role), channels=channels, locations=locations
        )
        outcome = await _do(transactions, workflows.access.api_keys.create, command)
        assert outcome.secret is not None
        by_role[role] = outcome.secret
    for key_id in old:
        await _do(transactions, workflows.access.api_keys.revoke, RevokeKey(key_id))
    return DemoKeys(by_role)


def _actor(role: Role) -> str:
    return f"{story.KEY_NAME}-{role.lower().replace('_', '-')}"


def _key_name(role: Role) -> str:
    return f"{story.KEY_NAME} {role.lower().replace('_', ' ')}"


async def _do(
    transactions: Transactions,
    action: Action[CommandT],
    command: CommandT,
    caller: Caller = SYSTEM,
) -> Outcome:
    outcome = await transactions.perform(action, Request(command, caller))
    if outcome.refusals:
        first = outcome.refusals[0]
        raise DemoRefused(f"{action.name} {'.'.join(first.field)}: {first.message}")
    return outcome


class _Seeder:
    """Write the demo's data step by step; each command is sent by the role whose work it is."""

    def __init__(self, transactions: Transactions, database: Database) -> None:
        self._transactions = transactions
        self._database = database

    async def _as(self, role: Role, action: Action[CommandT], command: CommandT) -> Outcome:
        caller = holder(role, actor=_actor(role))
        return await _do(self._transactions, action, command, caller)

    async def create_master_data(self) -> None:
        """Create the master data and the routing policy that protects the last coats."""
        planner = Role.SUPPLY_CHAIN
        for code, name in story.SUPPLIERS:
            supplier = UpsertSupplier(code, name)
            await self._as(planner, workflows.catalog.master_data.upsert_supplier, supplier)
        for code, name, kind, capacity, packs in story.LOCATIONS:
            location = UpsertLocation(
                code,
                name,
                kind,
                country_code="GB",
                daily_order_capacity=capacity,
                time_zone="Europe/London",
                pack_required=packs,
            )
            await self._as(planner, workflows.catalog.locations.upsert, location)
        for code, name, kind, parent in story.BINS:
            place = UpsertLocation(code, name, kind, parent, time_zone="Europe/London")
            await self._as(planner, workflows.catalog.locations.upsert, place)
        for code, name, sells, currency, priority, buffer, places in story.CHANNELS:
            channel = UpsertChannel(code, name, sells, currency, places, priority, buffer)
            await self._as(planner, workflows.catalog.channels.upsert, channel)
        base = self._transactions.terms.base_currency
        goods = UpsertItems(tuple(_upsert(item, base) for item in story.ITEMS))
        await self._as(planner, workflows.catalog.items.upsert, goods)
        routing = PublishPolicy(PolicyKind.ROUTING, "global", story.ROUTING)
        await self._as(planner, workflows.policies.publishing.publish, routing)

    async def receive_stock(self) -> None:
        """Receive one delivery per location, put units away, then adjust the stock.

        A fleece is damaged, a boot is in quality control, and the shop window has safety stock.
        """
        for code, *_ in story.LOCATIONS:
            lines = tuple(
                ReceiptLine(item.sku, item.units[code])
                for item in story.ITEMS
                if code in item.units
            )
            delivery = ReceiveStock(code, f"PO-{code}-1", lines)
            await self._as(Role.WAREHOUSE, workflows.stock.goods_receipts.receive, delivery)
        shelves = PutAway("LONDON", tuple(PutAwayLine(*line) for line in story.PUT_AWAY))
        await self._as(Role.WAREHOUSE, workflows.stock.putaways.put_away, shelves)
        damage = AdjustStock("LONDON", "FLEECE-GREY-S", -1, "DAMAGED", note="Torn zip")
        await self._as(Role.WAREHOUSE, workflows.stock.adjustments.adjust, damage)
        check = MoveStock(
            "LEEDS",
            "BOOT-FELL-43",
            StockState.AVAILABLE,
            StockState.QUALITY_CONTROL,
            1,
            "QUALITY",
            "Loose sole?",
        )
        await self._as(Role.WAREHOUSE, workflows.stock.adjustments.move, check)
        for location, sku, units in story.SAFETY_STOCK:
            window = SetSafetyStock(location, sku, units)
            await self._as(
                Role.SUPPLY_CHAIN, workflows.stock.goods_receipts.set_safety_stock, window
            )

    async def count_stock(self) -> None:
        """Have levels counted. The first is recorded as the books say, the others wait."""
        code, skus = story.COUNT
        create = CreateCount(code, skus=skus)
        await self._as(Role.SUPERVISOR, workflows.counts.creation.create, create)
        units = next(item.units[code] for item in story.ITEMS if item.sku == skus[0])
        record = RecordCount(code, (CountedPlace(skus[0], units),))
        await self._as(Role.WAREHOUSE, workflows.counts.recording.record, record)

    async def place_order(self, order: DemoOrder) -> None:
        """Place an order in its channel, then cancel or ship it as the story says."""
        currency = next(channel[3] for channel in story.CHANNELS if channel[0] == order.channel)
        prices = {item.sku: item.price for item in story.ITEMS}
        placed_at = self._transactions.clock() - order.ago
        command = PlaceOrder(
            channel=order.channel,
            external_reference=order.reference,
            lines=tuple(
                NewLine(sku, units, Money(prices[sku], currency)) for sku, units in order.lines
            ),
            ship_to=Address(order.country, city=order.city),
            placed_at=placed_at,
            shipping=Money(order.shipping, currency) if order.shipping else None,
            service_level=order.service_level,
            backorder=order.backorder,
            hold=None if order.hold is None else NewHold(order.hold),
        )
        placed = await self._as(Role.ADMIN, workflows.orders.placement.place, command)
        order_id = UUID(str(placed.refs["order"]))
        if order.fate == "cancelled":
            cancel = CancelOrder(order_id, "CUSTOMER_REQUEST")
            await self._as(Role.SUPPORT, workflows.orders.cancellations.cancel, cancel)
        elif order.fate == "shipped":
            await self._ship(order, order_id)
        elif order.has_label:
            await self._label(order_id)

    async def _label(self, order_id: UUID) -> None:
        """Ask for the labels of an order's parcels; the served program buys them."""
        async with self._database.snapshot() as session:
            found = await fulfillment_queries.of_order(session, order_id)
        for parcel in found:
            label = BuyLabel(("Fulfillment", parcel["id"]))
            await self._as(Role.WAREHOUSE, workflows.carriers.label_requests.buy, label)

    async def _ship(self, order: DemoOrder, order_id: UUID) -> None:
        async with self._database.snapshot() as session:
            found = await fulfillment_queries.of_order(session, order_id)
            places = await lookups.locations_by_id(
                session, [parcel["location_id"] for parcel in found]
            )
        # Where packing is a separate step, the parcel is not packed yet and cannot ship.
        sent = [parcel for parcel in found if not places[parcel["location_id"]].pack_required]
        for number, parcel in enumerate(sent, start=1):
            command = ShipFulfillment(
                parcel["id"],
                "Royal Mail",
                f"RM-{order.reference}-{number}",
                self._transactions.clock() - order.ago / 2,
            )
            await self._as(Role.ADMIN, workflows.orders.shipments.ship, command)

    async def send_transfer(self) -> None:
        """Send units to the store: they are in transit, and it has a task to receive them."""
        origin, destination, units = story.TRANSFER
        lines = tuple(TransferUnitsOf(sku, quantity) for sku, quantity in units)
        create = CreateTransfer(origin, destination, lines, reference="SOHO-WEEKLY")
        asked = await self._as(Role.SUPPLY_CHAIN, workflows.transfers.requests.create, create)
        ship = ShipTransfer(UUID(str(asked.refs["transfer"])), "Fellside van")
        await self._as(Role.WAREHOUSE, workflows.transfers.shipments.ship, ship)

    async def hold_units(self) -> None:
        """Reserve the units of a shopper who has not paid yet."""
        lines = tuple(HoldLine(sku, units) for sku, units in story.HOLD)
        basket = CreateReservation(
            story.STOREFRONT, lines, story.HOLD_SECONDS, "basket-1", country_code="GB"
        )
        await self._as(Role.STOREFRONT, workflows.reservations.reservations.create, basket)


def _upsert(item: DemoItem, base_currency: str) -> UpsertItem:
    # Costs are as many units of the base currency, rounded to its decimals: 4.50 is 4 in JPY.
    minor_per_cent = Decimal(10) ** (decimals_of(base_currency) - 2)
    return UpsertItem(
        item.sku,
        item.name,
        category=item.category,
        price=_given(Money(item.price, "GBP")),
        unit_cost=_given(Money(at_rate(item.cost, minor_per_cent), base_currency)),
        supplier_code=story.SUPPLIER_OF.get(item.category, "KESWICK"),
    )


def _given(amount: Money) -> GivenMoney:
    return GivenMoney(to_decimal(amount), amount.currency)
