"""Steps by which exceptions about orders, parcels and the floor begin and end."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import workflows.orders.placement
from domain.exceptions import ExceptionKind as Kind
from domain.orders.carriers import CarrierStatus
from integrations.carriers.reports import CarrierReport
from tests.builders.store import ADMIN, pounds
from tests.builders.transactions import rows
from tests.builders.warehouse import SUE
from tests.resolvers.exceptions.kind_desk import KindDesk
from tests.workflows.carriers.label_desk import FAILED as NOT_SOLD
from workflows.carriers.reports import receive_reports
from workflows.orders.commands import NewLine, Payment, PlaceOrder
from workflows.transactions.outcomes import Outcome, Request


async def look_again(desk: KindDesk) -> None:
    """Sweep once more: an exception that a fact has opened is not opened twice."""
    await desk.sweep()


# ─── orders


async def sell_too_much(desk: KindDesk) -> None:
    order = await desk.placed(2, channel="market", backorder=True)
    desk.about("Order", order.refs["order"])


async def find_fewer(desk: KindDesk) -> None:
    await desk.done(desk.whole.counting.record((desk.sku, 0)))


async def supply(desk: KindDesk, units: int = 9) -> None:
    await desk.done(desk.shop.receive(units, desk.sku))


async def pick_last_unit_short(desk: KindDesk) -> None:
    desk.about("Fulfillment", await desk.picked_short(units=9))


async def pay_too_late(desk: KindDesk) -> None:
    hold = await desk.done(desk.shop.hold((desk.sku, 9), ttl_seconds=60))
    desk.shop.clock.forward(seconds=61)
    await desk.placed(9)
    desk.facts["hold"] = hold
    desk.about("Reservation", hold.refs["reservation"])
    await place_paid(desk)


async def place_paid(desk: KindDesk) -> Outcome:
    command = PlaceOrder(
        channel="web",
        external_reference=desk.number,
        lines=(NewLine(desk.sku, 9, pounds("10.00")),),
        reservation_id=UUID(desk.facts["hold"].refs["reservation"]),
        payments=(Payment("card", pounds("90.00")),),
    )
    action = workflows.orders.placement.place
    return await desk.shop.transactions.perform(action, Request(command, ADMIN))


async def place_after_all(desk: KindDesk) -> None:
    await supply(desk)
    await desk.placed(1, reference=desk.number)


async def order_late(desk: KindDesk) -> None:
    desk.facts["order"] = await desk.placed()
    desk.about("Order", desk.facts["order"].refs["order"])
    await desk.sweep(days=30)


async def ship_order(desk: KindDesk) -> None:
    await desk.done(desk.shop.ship(await desk.parcel(desk.facts["order"])))


async def hold_for_a_day(desk: KindDesk) -> None:
    order = await desk.placed()
    desk.facts["hold"] = await desk.done(desk.warehouse.hold(order))
    desk.about("FulfillmentHold", desk.facts["hold"].refs["hold"])
    await desk.sweep(days=1)


async def release(desk: KindDesk) -> None:
    await desk.done(desk.warehouse.release_hold(desk.facts["hold"]))


# ─── carriers


async def ship_and_report(desk: KindDesk, status: str) -> None:
    desk.about("Fulfillment", await desk.parcel(await desk.shipped()))
    await desk.reported(status)


async def report(desk: KindDesk, status: str) -> None:
    await desk.reported(status)


async def contradict(desk: KindDesk) -> None:
    await desk.shipped()
    await hear(desk, CarrierStatus.IN_TRANSIT)
    desk.about("CarrierEvent", "")
    await report_otherwise(desk)


async def report_otherwise(desk: KindDesk) -> None:
    await hear(desk, CarrierStatus.DELIVERED)


async def hear(desk: KindDesk, status: CarrierStatus) -> None:
    """The carrier itself reports a status, always as the same event."""
    event, now = f"E-{desk.number}", desk.shop.clock.now
    report = CarrierReport("dhl", desk.number, event, status, now)
    await receive_reports(desk.shop.transactions, uuid4().hex, [report])


async def fail_to_buy(desk: KindDesk) -> None:
    desk.facts["parcel"] = await desk.parcel(await desk.placed())
    desk.whole.labels.carrier.buys = [NOT_SOLD]
    desk.about("ShippingLabel", (await buy(desk)).refs["label"])


async def buy(desk: KindDesk) -> Outcome:
    label = await desk.done(desk.whole.labels.buy(desk.facts["parcel"]))
    await desk.whole.labels.work()
    return label


# ─── the floor


async def pick_short(desk: KindDesk) -> None:
    await desk.picked_short()
    desk.about("StockLevel", await level_of(desk))


async def count_shelf(desk: KindDesk) -> None:
    """The missing units are not there."""
    shelf = sum((await desk.whole.floor.bins(desk.sku)).values())
    await desk.done(desk.whole.counting.record((desk.sku, shelf)))


async def leave_unbinned(desk: KindDesk) -> None:
    desk.about("StockLevel", await level_of(desk))
    await desk.sweep(hours=8)


async def put_away(desk: KindDesk) -> None:
    unbinned = (await desk.whole.floor.bins(desk.sku))[""]
    await desk.done(desk.whole.floor.put_away((desk.sku, unbinned, "A-2")))


async def leave_unbinned_again(desk: KindDesk) -> None:
    await desk.at_once(Kind.PUTAWAY_OVERDUE)
    await supply(desk, 1)
    await desk.sweep()


async def send(desk: KindDesk) -> None:
    transfers = desk.whole.transfers
    desk.facts["transfer"] = await desk.done(transfers.create((desk.sku, 3)))
    await desk.done(transfers.ship(desk.facts["transfer"]))
    desk.about("Transfer", desk.facts["transfer"].refs["transfer"])


async def send_for_days(desk: KindDesk) -> None:
    await send(desk)
    await desk.sweep(days=3)


async def unload(desk: KindDesk, units: int = 3) -> None:
    line = (desk.sku, units)
    transfer = desk.facts["transfer"]
    await desk.done(desk.whole.transfers.receive(transfer, line, complete=True, by=SUE))


async def lose_on_the_way(desk: KindDesk) -> None:
    await send(desk)
    await unload(desk, 1)


async def report_loss_again(desk: KindDesk) -> None:
    transfer = desk.facts["transfer"]
    await desk.done(desk.whole.transfers.receive(transfer, complete=True, by=SUE))


async def write_off(desk: KindDesk) -> None:
    transfer = desk.facts["transfer"]
    await desk.done(desk.whole.transfers.write_off(transfer, (desk.sku, 2), by=SUE))


async def level_of(desk: KindDesk) -> Any:
    """The id of the item's level in LEEDS."""
    sql = "SELECT s.id FROM stock_level s JOIN item i ON i.id = s.item_id WHERE i.sku = $1"
    return (await rows(desk.whole.database, sql, desk.sku))[0]["id"]
