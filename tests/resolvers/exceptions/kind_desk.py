"""A store in a running program without jobs, whose exceptions a test raises kind by kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import workflows.catalog.items
from domain.policies.policies import PolicyKind
from tests.builders.catalog import an_item, gbp, items
from tests.builders.floor.bins import furnish_floor
from tests.builders.floor.whole import WholeFloor
from tests.builders.in_process_server import InProcessServer
from tests.builders.refunds import RefundDesk
from tests.builders.returns import Desk
from tests.builders.store import Shop, furnish
from tests.builders.transactions import Clock, rows
from tests.builders.warehouse import Warehouse
from tests.workflows.exceptions.sweeps import sweep
from workflows.transactions.outcomes import Outcome


class ServerClock(Clock):
    """The clock of a running program, as the builders of stores use it."""

    def __init__(self, api: InProcessServer) -> None:
        self._api = api

    @property
    def now(self) -> datetime:  # type: ignore[override]
        return self._api.restow.clock()

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self._api.advance_clock(timedelta(**duration).total_seconds())


@dataclass
class KindDesk:
    """Operations of all areas; each kind of exception has an item of its own, `sku`."""

    api: InProcessServer
    whole: WholeFloor
    refunds: RefundDesk
    sku: str = ""
    number: str = ""
    subject: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def shop(self) -> Shop:
        return self.whole.shop

    @property
    def warehouse(self) -> Warehouse:
        return self.whole.warehouse

    @property
    def returns(self) -> Desk:
        return self.whole.returns

    async def begin(self, units: int) -> None:
        """Create an item for the next kind, with units in LEEDS."""
        self.number, self.facts = uuid4().hex[:12], {}
        self.sku = f"CAP-{self.number}"
        made = items(an_item(self.sku, price=gbp("10.00")))
        await self.done(self.shop.transactions.perform(workflows.catalog.items.upsert, made))
        if units:
            await self.done(self.shop.receive(units, self.sku))

    def about(self, subject_type: str, key: object) -> None:
        """Name the subject of the exception; with an empty key it is the only one of its type."""
        self.subject = f"{subject_type}:{key}"

    async def done(self, work: Any) -> Outcome:
        """The outcome of an operation, which must not be refused."""
        outcome: Outcome = await work
        assert not outcome.refusals, outcome.refusals
        return outcome

    async def sweep(self, **later: float) -> None:
        """Move the clock, and run a whole sweep."""
        self.shop.clock.forward(**later)
        await sweep(self.shop.transactions)

    async def placed(self, units: int = 1, **facts: Any) -> Outcome:
        """An order for the item."""
        reference = facts.pop("reference", uuid4().hex)
        return await self.done(self.shop.place((self.sku, units), reference=reference, **facts))

    async def parcel(self, order: Outcome) -> Any:
        """The id of the order's first fulfillment."""
        return (await self.shop.fulfillments(order))[0]["id"]

    async def shipped(self, units: int = 1) -> Outcome:
        """An order that was shipped under the number of the case."""
        order = await self.placed(units)
        parcel = await self.parcel(order)
        await self.done(self.shop.ship(parcel, tracking_number=self.number))
        self.shop.clock.forward(seconds=1)
        return order

    async def reported(self, status: str, event: str | None = None) -> None:
        """A report of the carrier about the parcel of the case."""
        self.shop.clock.forward(minutes=1)
        record = self.warehouse.record_event
        await record(status, event or uuid4().hex, number=self.number)

    async def picked_short(self, units: int = 2, short: int = 1) -> Any:
        """Place an order, of which a picker does not find some units. Returns its parcel's id."""
        order = await self.placed(units)
        [line] = await self.shop.lines(order)
        parcel = await self.parcel(order)
        await self.done(self.warehouse.pick(parcel, (line["id"], short)))
        return parcel

    async def at_once(self, kind: str) -> None:
        """Open a kind without a delay from now on."""
        handling = {"severity": "LOW", "ownerRole": "SUPPORT", "due": "P1D", "escalateTo": "ADMIN"}
        rules = {"kinds": {str(kind): {**handling, "after": "PT0S"}}}
        await self.shop.publish(PolicyKind.EXCEPTION, rules)

    async def live(self, kind: str) -> list[dict[str, Any]]:
        """The open exceptions of a kind about the subject of the case."""
        key = self.subject if self.subject[-1] != ":" else f"{self.subject}%"
        return await rows(
            self.whole.database,
            "SELECT * FROM operational_exception WHERE kind = $1 AND subject_key LIKE $2"
            " AND status NOT IN ('RESOLVED', 'AUTO_RESOLVED') ORDER BY opened_at, id",
            kind,
            key,
        )

    async def row(self, exception_id: UUID) -> dict[str, Any]:
        sql = "SELECT * FROM operational_exception WHERE id = $1"
        [found] = await rows(self.whole.database, sql, exception_id)
        return found


async def open_kind_desk(api: InProcessServer) -> KindDesk:
    """Create the store with bins in a running program."""
    database = api.restow.database
    shop = Shop(database, api.restow.transactions, ServerClock(api))
    await furnish(shop)
    whole = WholeFloor(await furnish_floor(shop))
    async with database.writer() as session:
        await session.execute("UPDATE channel SET kind = 'MARKETPLACE' WHERE code = 'market'")
    return KindDesk(api, whole, RefundDesk(whole.returns))
