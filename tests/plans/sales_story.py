"""Actions that pass the main paths: every workflow of sales, warehouse, returns and refunds.

They run on the program that serves requests, in any database, and may be repeated in it: references
carry the mark of the run. The same actions in the same order are the same statements.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import workflows.carriers.label_requests as label_requests
from domain.catalog.commands import GivenCode
from domain.errors import DomainError
from domain.orders.carriers import CarrierStatus
from domain.stock.states import LocationKind
from domain.values.money import Money
from integrations.carriers.reports import CarrierReport
from integrations.payments.gateway import Chargeback
from integrations.payments.gateway import PaymentEventType as Told
from models.queries.catalog.lookups import locations_by_code
from models.queries.orders.pick_walks import walk
from models.queries.reads.fulfillments import slips_by_fulfillment
from tests.builders.catalog import a_location, an_item, items
from tests.builders.floor.transfers import Transfers
from tests.builders.in_process_server import InProcessServer
from tests.builders.refunds import FAILED, FIONA, FRED, PENDING, SUCCEEDED, RefundDesk
from tests.builders.returns import BOSS, Desk
from tests.builders.store import ADMIN, Shop, open_shop
from tests.builders.transactions import rows
from tests.builders.warehouse import ANN, Warehouse, a_parcel
from tests.plans import count_story
from workflows.carriers.commands import BuyLabel, VoidLabel
from workflows.catalog.items import upsert as upsert_items
from workflows.catalog.locations import upsert
from workflows.exceptions.sweep import DETECTORS
from workflows.jobs import JOBS, JobContext
from workflows.orders.commands import Payment
from workflows.orders.picks import book_waiting
from workflows.refunds.gateway_events import receive_payment_event
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, receive
from workflows.stock.putaways import PutAway, PutAwayLine, put_away
from workflows.tasks.selections import TaskSelection
from workflows.transactions.outcomes import Outcome, Request
from workflows.warehouse.scanned_parcels import Scan

AVAILABILITY = """
{ availability(channel: "web", skus: ["TEE-S", "TEE-M", "TEE-L", "COAT"]) {
  sku availableToPromise } }
"""
SAFETY = "mutation ($input: SafetyStockInput!) { safetyStockSet(input: $input) { __typename } }"
BINS = """{
  scan(code: "S-2", locationCode: "SHED") { id }
  item(sku: "TEE-S") { codes { code } }
  location(code: "S-2") { contents { quantity } }
  stockLevels(locations: ["SHED"]) { nodes { bins { quantity } } } }"""
SKUS = ("TEE-S", "TEE-M", "TEE-L", "COAT")


@dataclass
class ProgramClock:
    """The clock of a running program, as the builders use it."""

    api: InProcessServer

    @property
    def now(self) -> datetime:
        return self.api.restow.clock()

    def forward(self, **duration: float) -> None:
        seconds = duration.get("seconds", 0) + 3_600 * duration.get("hours", 0)
        self.api.advance_clock(seconds + 86_400 * duration.get("days", 0))


@dataclass
class SalesStory:
    """The actions, on a running program. `mark` is part of every reference."""

    api: InProcessServer
    mark: str
    shop: Shop = field(init=False)
    orders: int = 0

    async def open(self) -> None:
        await open_shop(self.api.restow.database)
        clock: Any = ProgramClock(self.api)
        self.shop = Shop(self.api.restow.database, self.api.restow.transactions, clock)
        self.desk = Desk(self.shop)
        self.refund_desk = RefundDesk(self.desk)
        self.warehouse = Warehouse(self.shop)
        for sku in SKUS:
            for place in ("LEEDS", "YORK"):
                await done(self.shop.receive(200, sku, place))

    async def tell(self) -> None:
        """Perform all actions."""
        for step in (self.holds, self.stock, self.bins, self.warehouse_work):
            await step()
        for step in (self.scans, self.fulfillment_holds, self.transfers, self.cancellations):
            await step()
        for step in (self.returns, self.refunds, self.parcels, self.labels, self.claims):
            await step()
        await count_story.tell(self.shop, self.reference())
        for step in (self.expiry, self.jobs):
            await step()

    def reference(self) -> str:
        self.orders += 1
        return f"{self.mark}-{self.orders}"

    async def holds(self) -> None:
        shop = self.shop
        held = await done(shop.hold(("TEE-M", 2), ("COAT", 1), key=self.reference()))
        await done(shop.extend(held, 1_800))
        await done(shop.place(("TEE-M", 2), hold=held, reference=self.reference()))
        await done(shop.release(await shop.hold(("TEE-S", 1))))
        for units in (1, 2, 3):
            await done(shop.hold(("TEE-L", units), external_reference=self.reference()))
        await self.api.hold(1, "TEE-S", key=None)

    async def stock(self) -> None:
        shop = self.shop
        await done(shop.adjust(-1, "TEE-S", reason="COUNT"))
        await done(shop.adjust(-1, "TEE-M", by=ANN))
        await done(shop.move(2, "AVAILABLE", "DAMAGED", "TEE-S"))
        await done(shop.move(1, "DAMAGED", "AVAILABLE", "TEE-S"))
        await self.api.ask(
            SAFETY, {"input": {"locationCode": "YORK", "sku": "COAT", "quantity": 1}}
        )
        await done(shop.place(("TEE-L", 900), reference=self.reference(), backorder=True))
        await done(shop.receive(900, "TEE-L"))

    async def bins(self) -> None:
        """Put units away in a location of its own, and take them out of their bins again."""
        shop, perform = self.shop, self.shop.transactions.perform
        await done(perform(upsert, a_location("SHED")))
        for code, parent, kind in (("S", "SHED", "ZONE"), ("S-1", "S", "BIN"), ("S-2", "S", "BIN")):
            place = a_location(code, kind=LocationKind(kind), parent_code=parent)
            await done(perform(upsert, place))
        line = ReceiptLine("TEE-S", 4, bin_code="S-1", unit_cost=Money(400, "GBP"))
        coded = an_item("TEE-S", barcode="501", codes=(GivenCode("S-BOX", 6),))
        await done(perform(upsert_items, items(coded)))
        received = ReceiveStock("SHED", self.reference(), (line,))
        await done(perform(receive, Request(received, ADMIN)))
        await done(shop.receive(6, "TEE-S", "SHED"))
        lines = (PutAwayLine("TEE-S", 5, "S-2"), PutAwayLine("TEE-S", 1, "S-2", "S-1"))
        await done(perform(put_away, Request(PutAway("SHED", lines), ADMIN)))
        await self.api.ask(BINS)
        await done(shop.adjust(-10, "TEE-S", "SHED"))
        await done(perform(upsert, a_location("S", kind=LocationKind.ZONE, parent_code="LEEDS")))
        await done(perform(upsert, a_location("S", kind=LocationKind.ZONE, parent_code="SHED")))

    async def sell(self, *lines: tuple[str, int], paid: str | None = None) -> Outcome:
        """Place an order of the one customer of this run."""
        facts: dict[str, Any] = {"customer_reference": f"{self.mark}-customer"}
        if paid:
            facts["payments"] = (Payment(paid, Money(1_000, "GBP")),)
        return await done(self.shop.place(*lines, reference=self.reference(), **facts))

    async def ship(self, order: Outcome) -> str:
        """Ship an order. Returns the tracking number of its last parcel."""
        number = ""
        self.shop.clock.forward(seconds=1)
        for parcel in await self.shop.fulfillments(order):
            number = self.reference()
            await done(self.shop.ship(parcel["id"], tracking_number=number))
        return number

    async def warehouse_work(self) -> None:
        warehouse = self.warehouse
        order = await self.sell(("TEE-M", 2), ("TEE-S", 1))
        [parcel] = await self.shop.fulfillments(order)
        [task] = await warehouse.tasks(parcel["id"])
        await done(warehouse.claim(at=task["location"], ids=[task["id"]]))
        await done(warehouse.renew(task["id"]))
        await done(warehouse.release(task["id"]))
        await done(warehouse.claim(limit=3))
        await done(warehouse.pick(parcel["id"], by=BOSS))
        await done(warehouse.pack(parcel["id"], by=BOSS))
        number = await self.ship(order)
        for status in ("IN_TRANSIT", "DELIVERED"):
            self.shop.clock.forward(seconds=1)
            await done(warehouse.record_event(status, self.reference(), number=number))
        lost = await self.ship(await self.sell(("TEE-M", 1), paid=self.reference()))
        await done(warehouse.record_event("LOST", self.reference(), number=lost))
        await warehouse.record_event("IN_TRANSIT", self.reference(), number="unknown")
        moved = await self.sell(("TEE-M", 1))
        [parcel] = await self.shop.fulfillments(moved)
        other = "LEEDS" if parcel["location"] == "YORK" else "YORK"
        await done(warehouse.reroute(parcel["id"], other))
        short = await self.sell(("TEE-S", 3))
        [parcel] = await self.shop.fulfillments(short)
        lines = await self.shop.lines(short)
        await done(warehouse.pick(parcel["id"], (lines[0]["id"], 1), by=BOSS))

    async def scans(self) -> None:
        """Scan the units of a parcel into a tote, divide it, and pack it in two parcels."""
        warehouse = self.warehouse
        order = await self.sell(("TEE-M", 4))
        [parcel] = await self.shop.fulfillments(order)
        [line] = await self.shop.lines(order)
        key, at = UUID(str(parcel["id"])), parcel["location"]
        [task] = await warehouse.tasks(key)
        await done(warehouse.claim(at=at, ids=[task["id"]]))
        await done(warehouse.renew_all(task["id"]))
        await done(warehouse.claim(at="SHED", selection=TaskSelection(singles=True, zone_code="S")))
        async with self.shop.database.snapshot() as session:
            await slips_by_fulfillment(session, [key])
            [place] = (await locations_by_code(session, [at])).values()
            await walk(session, ANN.actor, place.id, self.shop.clock.now)
        await done(warehouse.split(key, (line["id"], 1)))
        tote = self.reference()
        await done(warehouse.scan(Scan("TEE-M", 2, key, tote), at=at))
        await done(warehouse.scan(Scan("TEE-M", 1, None, tote), at=at))
        await book_waiting(self.shop.transactions)
        await done(warehouse.scan(Scan("TEE-M", 3, key), at=at, queue="PACK"))
        packed = (a_parcel((line["id"], 1), grams=300), a_parcel((line["id"], 2)))
        await done(warehouse.pack(key, ANN, *packed))
        await warehouse.dispatch("nothing", at=at)  # without a label

    async def fulfillment_holds(self) -> None:
        """Hold and release orders and parcels; one hold ends by the clock, one with its units."""
        warehouse = self.warehouse
        order = await self.sell(("TEE-M", 2))
        [parcel] = await self.shop.fulfillments(order)
        for held in (
            await done(warehouse.hold(order)),
            await done(warehouse.hold(fulfillment_id=parcel["id"])),
        ):
            await done(warehouse.release_hold(held))
        await done(warehouse.hold(order, until=self.shop.clock.now + timedelta(minutes=1)))
        cancelled = await self.sell(("COAT", 1), paid=self.reference())
        await done(warehouse.hold(cancelled))
        await done(self.shop.cancel(cancelled))

    async def transfers(self) -> None:
        """One transfer is cancelled, one arrives in parts, and the rest of it is written off."""
        transfers = Transfers(self.warehouse)
        await done(transfers.cancel(await done(transfers.create(("TEE-S", 1)))))
        reference = self.reference()
        sent = await done(transfers.create(("TEE-S", 5), ("COAT", 1), reference=reference))
        await done(transfers.ship(sent, ("COAT", 1), by=BOSS))
        await done(transfers.receive(sent, ("TEE-S", 2, 1), ("TEE-L", 1), by=BOSS))
        await done(transfers.write_off(sent, ("TEE-S", 1), by=BOSS))
        await done(transfers.receive(sent, ("TEE-S", 1), at="LEEDS", by=BOSS))

    async def cancellations(self) -> None:
        paid = await self.sell(("TEE-M", 2), paid=self.reference())
        lines = await self.shop.lines(paid)
        await done(self.shop.cancel(paid, (lines[0]["id"], 1)))
        await done(self.shop.cancel(await self.sell(("COAT", 1), paid=self.reference())))

    async def returned(self, sku: str = "TEE-M", units: int = 2) -> Outcome:
        order = await self.sell((sku, units), paid=self.reference())
        await self.ship(order)
        self.shop.clock.forward(seconds=1)
        return await done(self.desk.request(order, (sku, units)))

    async def returns(self) -> None:
        desk = self.desk
        complete = await self.returned()
        await done(desk.track(complete, self.reference()))
        await done(desk.receive(complete, ("TEE-M", 2)))
        [group] = await desk.groups(complete)
        await done(desk.inspect(complete, (group["id"], 1, "NEW"), (group["id"], 1, "DAMAGED")))
        for each in await desk.groups(complete):
            if each["state"] == "INSPECTED":
                await desk.dispose(each["id"], each["quantity"], "SCRAP", BOSS)
        await done(desk.cancel(await self.returned()))
        await desk.decline(await self.returned("COAT", 1), by=BOSS)
        await desk.authorize(await self.returned("COAT", 1), "Fine.", by=BOSS)
        short = await self.returned()
        await done(desk.receive(short, ("TEE-M", 1), ("TEE-S", 1)))
        await done(desk.receive(short, ("TEE-M", 3), complete=True))

    async def parcels(self) -> None:
        desk = self.desk
        unknown = await done(desk.receive(None, ("TEE-M", 2), tracking_number=self.reference()))
        await desk.dispose_unidentified(unknown, 1, "RESTOCK", BOSS)
        await desk.dispose_unidentified(unknown, 1, "SCRAP", BOSS)
        await desk.resolve(unknown)

    async def refunds(self) -> None:
        desk = self.refund_desk
        order = await self.sell(("TEE-M", 3), paid=(paid := self.reference()))
        await self.ship(order)
        goodwill = await done(desk.create(order, "1.00"))
        await desk.approve(goodwill, FIONA)
        await desk.approve(goodwill, FRED)
        for answers in ([PENDING], [FAILED], [SUCCEEDED]):
            desk.gateway.answers = list(answers)
            await desk.pay()
        if await desk.attempts(goodwill):
            await desk.receive_webhook(goodwill, Told.SUCCEEDED, self.reference())
        await desk.retry(goodwill)
        await desk.settle(goodwill)
        await desk.reject(await done(desk.create(order, "0.50")))
        await desk.cancel(await done(desk.create(order, "0.40")))
        charged = Chargeback(paid, Money(100, "GBP"), reason="fraud", id=self.reference())
        await receive_payment_event(self.shop.transactions, self.reference(), charged)

    async def labels(self) -> None:
        """Buy a label, receive reports before and after the parcel ships; give a label back."""
        restow, perform = self.api.restow, self.shop.transactions.perform
        for is_kept in (True, False):
            [parcel] = await self.shop.fulfillments(await self.sell(("TEE-S", 1)))
            wanted = BuyLabel(("Fulfillment", parcel["id"]))
            label = await done(perform(label_requests.buy, Request(wanted, ADMIN)))
            await restow.labels.work()
            number = await self.number_of(parcel["id"])
            self.shop.clock.forward(seconds=1)
            for each in (number, self.reference()):
                at = self.shop.clock.now
                report = CarrierReport("simulator", each, "1", CarrierStatus.DELIVERED, at)
                await restow.receive_reports(self.reference(), [report])
            if is_kept:
                await done(self.shop.ship(parcel["id"], carrier=None, tracking_number=None))
            else:
                await done(
                    perform(
                        label_requests.void,
                        Request(VoidLabel(UUID(label.refs["label"])), ADMIN),
                    )
                )
                await restow.labels.work()

    async def number_of(self, fulfillment_id: UUID) -> str:
        """The tracking number of a fulfillment's label."""
        sql = "SELECT tracking_number FROM fulfillment WHERE id = $1"
        [row] = await rows(self.shop.database, sql, fulfillment_id)
        return str(row["tracking_number"])

    async def claims(self) -> None:
        """Claim tasks; the claims expire with the holds."""
        await done(self.warehouse.claim(by=ANN))

    async def expiry(self) -> None:
        """Let all holds expire, then hold and read the same items before a sweep."""
        await done(self.shop.hold(("TEE-S", 1), ("TEE-M", 1), ttl_seconds=60))
        self.shop.clock.forward(hours=2)
        await self.api.ask(AVAILABILITY)
        await done(self.shop.hold(("TEE-S", 1), ("COAT", 1)))
        await done(self.shop.place(("TEE-M", 1), reference=self.reference()))

    async def jobs(self) -> None:
        """Run every job once. A job may stop at a copied row that contradicts another one.

        The sweep of exceptions has a step for each detector, and finds late orders.
        """
        restow = self.api.restow
        context = JobContext(restow.transactions, restow.payouts, restow.labels, restow.watch)
        for job in JOBS:
            with suppress(DomainError):
                await job.step(context)
        self.shop.clock.forward(days=3)
        for _ in DETECTORS:
            await context.exceptions.step()
        self.shop.clock.forward(days=-3)


async def done(acting: Awaitable[Outcome]) -> Outcome:
    """The outcome of an action, which must not be refused."""
    outcome = await acting
    assert not outcome.refusals, outcome.refusals
    return outcome
