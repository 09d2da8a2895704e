"""Facts of one order, by name: units ship, get lost, come back, are cancelled, and are claimed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import workflows.carriers.tracking_events
import workflows.returns.requests
from domain.orders.carriers import CarrierStatus
from domain.policies.dispositions import Disposition
from tests.builders.order_refunds import REFUND_FACTS, OrderRefunds
from tests.builders.returns import BOSS, SUPPORT
from tests.builders.sales import Sales
from tests.builders.store import SKUS
from tests.builders.transactions import rows
from workflows.carriers.commands import RecordCarrierEvent
from workflows.returns.requests import RequestedItem, RequestReturn
from workflows.transactions.outcomes import Outcome, Request

# Units that come back go to a location that the channels do not sell from: they serve no order.
BACK = "YORK"


@dataclass
class OrderFacts:
    """An order to which facts happen. A fact that is refused did not happen.

    Line number n of the order sells SKUS[n]. Parcel 0 has the units that were in stock; each later
    parcel has one unit.
    """

    sales: Sales
    order: Outcome
    number: str
    first: list[dict[str, Any]]
    happened: list[str] = field(default_factory=list)

    @property
    def refunds(self) -> OrderRefunds:
        return OrderRefunds(self.sales, self.order)

    async def happen(self, fact: str) -> bool:
        """Let a fact happen; False if it was refused."""
        self.sales.refund_desk.shop.clock.forward(seconds=1)
        name, *details = fact.split()
        about_units, about_refunds = FACTS.get(name), REFUND_FACTS.get(name)
        if about_units is not None:
            is_done = await about_units(self, *details)
        else:
            assert about_refunds is not None
            is_done = await about_refunds(self.refunds, *details)
        if is_done:
            self.happened.append(fact)
        return is_done

    async def line(self, place: str) -> dict[str, Any]:
        return (await self.sales.refund_desk.shop.lines(self.order))[int(place)]

    async def ship(self, parcel: str, place: str = "") -> bool:
        """Ship parcel 0, or a later parcel with one unit of a line."""
        shop = self.sales.refund_desk.shop
        waiting = await self._waiting(place)
        if not waiting:
            await shop.receive(1, SKUS[int(place)])
            waiting = await self._waiting(place)
        for row in waiting[:1]:
            number = f"{self.number}-{parcel}"
            assert not (await shop.ship(row["id"], tracking_number=number)).refusals
        return bool(waiting)

    async def _waiting(self, place: str) -> list[dict[str, Any]]:
        """Parcel 0, or later parcels that have a unit of this line, if they wait to be shipped."""
        sql = (
            "SELECT f.id FROM fulfillment f JOIN fulfillment_line c ON c.fulfillment_id = f.id"
            " JOIN order_line l ON l.id = c.order_line_id"
            " WHERE f.order_id = $1 AND f.status = 'OPEN' AND l.line_no = $2"
        )
        order_id = UUID(self.order.refs["order"])
        database = self.sales.refund_desk.database
        if not place:
            return self.first
        found = await rows(database, sql, order_id, int(place))
        return [each for each in found if each not in self.first]

    async def carrier(self, parcel: str, status: str) -> bool:
        """The carrier reports something about a parcel."""
        shop, number = self.sales.refund_desk.shop, f"{self.number}-{parcel}"
        command = RecordCarrierEvent(
            "DHL", number, f"{number}-{status}", CarrierStatus(status), shop.clock.now
        )
        outcome = await shop.transactions.perform(
            workflows.carriers.tracking_events.record, Request(command, SUPPORT)
        )
        return not outcome.refusals

    async def back(self, place: str, grade: str, *disposition: str) -> bool:
        """One unit of a line is requested, received and inspected."""
        line = await self.line(place)
        item = RequestedItem(1, "UNWANTED", line["id"])
        command = RequestReturn((item,), UUID(self.order.refs["order"]))
        requested = await self.sales.refund_desk.shop.transactions.perform(
            workflows.returns.requests.request, Request(command, SUPPORT)
        )
        if requested.refusals:
            return False
        await self._take_in(requested, place, grade, *disposition)
        return True

    async def arrive(self, parcel: str, place: str, grade: str) -> bool:
        """One unit of a parcel that the carrier returned is received and inspected."""
        sql = "SELECT id FROM customer_return WHERE tracking_number = $1"
        [row] = await rows(self.sales.refund_desk.database, sql, f"{self.number}-{parcel}")
        a_return = Outcome(refs={"return": str(row["id"])})
        await self._take_in(a_return, place, grade)
        return True

    async def _take_in(self, a_return: Outcome, place: str, grade: str, *chosen: str) -> None:
        desk, sku = self.sales.refund_desk.desk, SKUS[int(place)]
        received = await desk.receive(a_return, (sku, 1), at=BACK)
        assert not received.refusals, received.refusals
        for group in await desk.groups(a_return):
            if (group["sku"], group["state"]) == (sku, "RECEIVED"):
                disposition = Disposition(chosen[0]) if chosen else None
                finding = (group["id"], 1, grade)
                found = await desk.inspect(a_return, finding, disposition=disposition)
                assert not found.refusals, found.refusals

    async def resend(self) -> bool:
        """A unit that was inspected goes back to the customer after all."""
        sql = (
            "SELECT i.id FROM return_item i JOIN customer_return r ON r.id = i.return_id"
            " WHERE r.order_id = $1 AND i.state = 'INSPECTED' ORDER BY i.id LIMIT 1"
        )
        order_id = UUID(self.order.refs["order"])
        found = await rows(self.sales.refund_desk.database, sql, order_id)
        for row in found:
            desk = self.sales.refund_desk.desk
            assert not (await desk.dispose(row["id"], 1, "RETURN_TO_CUSTOMER", by=BOSS)).refusals
        return bool(found)

    async def cancel(self, place: str) -> bool:
        """A unit of a line that has not shipped is cancelled."""
        line = await self.line(place)
        return not (await self.sales.refund_desk.shop.cancel(self.order, (line["id"], 1))).refusals

    async def claim(self, place: str) -> bool:
        """A unit of a line that does not come back is refunded."""
        return await self.refunds.claim(((await self.line(place))["id"], 1))

    async def undo_the_rest(self) -> None:
        """Cancel or claim every unit that is neither cancelled nor in a refund."""
        await self.sales.refund_desk.shop.cancel(self.order)
        sql = (
            "SELECT COALESCE(SUM(u.quantity), 0) AS units FROM refund_unit u JOIN refund r"
            " ON r.id = u.refund_id WHERE u.order_line_id = $1"
            " AND r.status NOT IN ('REJECTED', 'CANCELLED', 'REVERSED')"
        )
        for line in await self.sales.refund_desk.shop.lines(self.order):
            [row] = await rows(self.sales.refund_desk.database, sql, line["id"])
            left = line["quantity"] - line["cancelled"] - int(row["units"])
            if left:
                assert await self.refunds.claim((line["id"], left))


# Facts about units by name, with the arguments that follow it.
FACTS: Final[Mapping[str, Callable[..., Awaitable[bool]]]] = {
    "ship": OrderFacts.ship,
    "carrier": OrderFacts.carrier,
    "back": OrderFacts.back,
    "arrive": OrderFacts.arrive,
    "resend": OrderFacts.resend,
    "cancel": OrderFacts.cancel,
    "claim": OrderFacts.claim,
}
