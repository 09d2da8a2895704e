"""Carry out a plan through the API, with several requests at a time where their order is free."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any, Final, TypeVar

import scripts.replay.client as api
from scripts.replay.client import Api, Refused
from scripts.replay.countries import CODES
from scripts.replay.event_file import LINES_MAX, Correction, Events, Findings, Order
from scripts.replay.floor.figures import FloorFigures
from scripts.replay.order_plan import (
    NOTE_MAX,
    WAREHOUSE,
    PlannedItem,
    Week,
    decimals,
    items_of,
    reason_of,
    weeks_of,
)
from scripts.replay.return_plan import CreditNote
from scripts.replay.return_run import ReturnsDone, ReturnsRun, Sold, create_staff
from scripts.replay.totals import Tally, tally

ITEMS_PER_CALL: Final = 500
CARRIER: Final = "Replay"

T = TypeVar("T")


@dataclass
class Replayed:
    """Counts and totals of the replay, taken from the server's answers."""

    orders: int = 0
    lines: int = 0
    units: int = 0
    money: Decimal = Decimal(0)
    parcels: int = 0
    cancelled_units: int = 0
    corrections: int = 0
    corrected_units: int = 0
    delivered_units: int = 0
    items: int = 0
    credit_notes: int = 0
    seconds: float = 0.0
    returns_done: ReturnsDone = field(default_factory=ReturnsDone)
    tally: Tally = field(default_factory=Tally)
    floor: FloorFigures | None = None
    refusals: Counter[str] = field(default_factory=Counter)
    first_refusal: dict[str, str] = field(default_factory=dict)

    def refuse(self, refused: Refused) -> None:
        """Count a refusal, and keep the first message of its code."""
        self.refusals[refused.code] += 1
        self.first_refusal.setdefault(refused.code, str(refused))


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed order on the server, and those of its parcels that can ship."""

    id: str
    parcels: tuple[str, ...]


class Replay:
    """Replay of one file's events on one server. `advance` is called once per order."""

    def __init__(
        self, server: Api, events: Events, *, at_once: int, advance: Callable[[], None]
    ) -> None:
        self._api = server
        self._events = events
        self._at_once = at_once
        self._advance = advance
        self._sold: dict[str, Sold] = {}
        self.done = Replayed()
        self.findings: Findings = events.findings

    async def run(self) -> Replayed:
        """Create the master data, then replay week by week: delivery, orders with corrections,
        returns.

        Ends when every payout is settled; the result includes the server's returns and refunds.
        """
        items = items_of(self._events)
        costs = {item.sku: item.cost_minor for item in items}
        await self._make_masters(items)
        prices = {item.sku: item.price_minor for item in items}
        self._returns = ReturnsRun(
            await create_staff(self._api),
            self._sold,
            prices,
            self._events.currency,
            self.findings,
            self._desk(),
        )
        await self._open()
        started = time.monotonic()
        for week in weeks_of(self._events):
            await self._deliver(week, costs)
            await self._trade(week)
            await self._all_of(self._replay_notes(notes) for notes in week.notes_by_customer)
            await self._end_week()
        self.done.returns_done = self._returns.done
        self.done.tally = await tally(self._api, self._returns.done.requests)
        self.done.seconds = time.monotonic() - started
        return self.done

    def _desk(self) -> str | None:
        """The bin where returned units wait for their inspection; None: there are no bins."""
        return None

    async def _open(self) -> None:
        """Prepare what the weeks need beside the master data."""

    async def _end_week(self) -> None:
        """Finish the work that the returns of a week have left."""

    async def _replay_notes(self, notes: Iterable[CreditNote]) -> None:
        """Replay the credit notes of one customer, in their order."""
        for note in notes:
            try:
                await self._returns.note(note)
            except Refused as refused:
                self.done.refuse(refused)
            else:
                self.done.credit_notes += 1

    async def _make_masters(self, items: list[PlannedItem]) -> None:
        for location in self._locations():
            key = f"replay-location-{location['code']}"
            await self._api.mutate(api.LOCATION, {"input": location}, key=key)
        for code in sorted({order.channel for order in self._events.orders.values()}):
            channel = {
                "code": code,
                "name": code,
                "kind": "STOREFRONT",
                "currencyCode": self._events.currency,
                "locationCodes": [WAREHOUSE],
            }
            await self._api.mutate(api.CHANNEL, {"input": channel}, key=f"replay-channel-{code}")
        for number, chunk in enumerate(_chunks(items, ITEMS_PER_CALL)):
            rows = [self._item(item) for item in chunk]
            await self._api.mutate(api.ITEMS, {"items": rows}, key=f"replay-items-{number}")
        self.done.items = len(items)

    def _locations(self) -> Sequence[Mapping[str, Any]]:
        """The locations to create, in their order."""
        warehouse = {
            "code": WAREHOUSE,
            "name": "Main warehouse",
            "kind": "WAREHOUSE",
            "countryCode": "GB",
            "timeZone": "Europe/London",
        }
        return [warehouse]

    def _item(self, item: PlannedItem) -> dict[str, Any]:
        price = item.price_minor
        return {
            "sku": item.sku,
            "name": item.name,
            "price": None if price is None else self._money(price),
            "unitCost": self._money(item.cost_minor),
        }

    def _money(self, minor: int) -> dict[str, str]:
        return {"amount": decimals(minor), "currencyCode": self._events.currency}

    async def _deliver(self, week: Week, costs: Mapping[str, int]) -> None:
        """Receive the delivery of a week."""
        await self._receive(WAREHOUSE, week.delivery, week, costs)

    async def _receive(
        self, location: str, units: Mapping[str, int], week: Week, costs: Mapping[str, int]
    ) -> None:
        for number, chunk in enumerate(_chunks(sorted(units.items()), LINES_MAX)):
            reference = f"DELIVERY-{week.starts_on}-{location}-{number}"
            lines = [
                {"sku": sku, "quantity": quantity, "unitCost": self._money(costs[sku])}
                for sku, quantity in chunk
            ]
            receipt = {"locationCode": location, "reference": reference, "lines": lines}
            await self._api.mutate(api.RECEIVE, {"input": receipt}, key=reference)
            self.done.delivered_units += sum(quantity for _, quantity in chunk)

    async def _trade(self, week: Week) -> None:
        """Replay the orders and the corrections of a week."""
        corrections = (
            self._correct(correction, f"{week.starts_on}-{number}")
            for number, correction in enumerate(week.corrections)
        )
        await self._all_of(chain(map(self._order, week.orders), corrections))

    async def _all_of(self, work: Iterable[Awaitable[None]]) -> None:
        """Run all work, with a limited number of tasks at once. The first failure cancels the
        rest."""
        waiting = iter(work)

        async def worker() -> None:
            for each in waiting:
                await each

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._at_once):
                    group.create_task(worker())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _order(self, order: Order) -> None:
        """Place the order, cancel the units cancelled in the file, send the rest."""
        try:
            await self._send(order, await self._place(order))
        except Refused as refused:
            self.done.refuse(refused)
        self._advance()

    async def _place(self, order: Order) -> Placed:
        reference = f"{order.channel}-{order.reference}"
        placed = await self._api.mutate(
            api.PLACE, {"input": self._placing(order)}, key=f"{reference}-place"
        )
        found = placed["order"]
        self.done.orders += 1
        self.done.lines += len(found["lines"])
        self.done.units += sum(line["quantity"] for line in found["lines"])
        self.done.money += Decimal(found["total"]["amount"])
        lines = tuple(line["id"] for line in found["lines"])
        self._sold[order.reference] = Sold(found["id"], lines, order.placed_at)
        parcels = found["fulfillments"]
        cancelled_lines = [
            {"orderLineId": line["id"], "quantity": ours.cancelled}
            for line, ours in zip(found["lines"], order.lines, strict=True)
            if ours.cancelled
        ]
        if cancelled_lines:
            cancelled = await self._api.mutate(
                api.CANCEL, {"id": found["id"], "lines": cancelled_lines}, key=f"{reference}-cancel"
            )
            parcels = cancelled["order"]["fulfillments"]
            self.done.cancelled_units += sum(line["quantity"] for line in cancelled_lines)
        open_ones = tuple(parcel["id"] for parcel in parcels if parcel["status"] == "OPEN")
        return Placed(found["id"], open_ones)

    async def _send(self, order: Order, placed: Placed) -> None:
        """Ship the parcels of an order at the time of its invoice."""
        for number, parcel_id in enumerate(placed.parcels):
            await self._ship(order, parcel_id, f"{order.channel}-{order.reference}-{number}")

    def _placing(self, order: Order) -> dict[str, Any]:
        country = CODES.get(order.country)
        if country is None:
            self.findings.note(
                f"orders to {order.country!r}: unknown country, placed without an address"
            )
        return {
            "channel": order.channel,
            "externalReference": order.reference,
            "customerReference": order.customer or None,
            "placedAt": _iso(order.placed_at),
            "shipTo": None if country is None else {"countryCode": country},
            "shipping": self._money(order.shipping_minor) if order.shipping_minor else None,
            "lines": [
                {
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "unitPrice": self._money(line.price_minor),
                }
                for line in order.lines
            ],
        }

    async def _ship(self, order: Order, parcel_id: str, reference: str) -> None:
        shipment = {
            "fulfillmentId": parcel_id,
            "carrier": CARRIER,
            "trackingNumber": reference,
            "shippedAt": _iso(order.placed_at),
        }
        await self._api.mutate(api.SHIP, {"input": shipment}, key=f"{reference}-ship")
        self.done.parcels += 1

    async def _correct(self, correction: Correction, reference: str) -> None:
        adjustment = {
            "locationCode": WAREHOUSE,
            "sku": correction.sku,
            "delta": correction.delta,
            "reasonCode": reason_of(correction.words),
            "note": correction.words[:NOTE_MAX] or None,
        }
        try:
            await self._api.mutate(
                api.ADJUST, {"input": adjustment}, key=f"replay-adjust-{reference}"
            )
        except Refused as refused:
            self.done.refuse(refused)
            return
        self.done.corrections += 1
        self.done.corrected_units += correction.delta
        self._corrected(correction)

    def _corrected(self, correction: Correction) -> None:
        """Note that a correction was made."""


def _iso(at: datetime) -> str:
    return at.isoformat()


def _chunks(rows: Iterable[T], size: int) -> Iterable[list[T]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
