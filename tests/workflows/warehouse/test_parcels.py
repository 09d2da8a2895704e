"""A fulfillment is one parcel: numbers, weights, several parcels of one fulfillment, and slips."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access.callers import Role, holder
from domain.orders.fulfillments import issued_number
from domain.orders.parcels import PackedParcel, ParcelSize
from models.database.database import Database
from models.queries.reads.fulfillments import SlipFacts, slips_by_fulfillment
from tests.builders.books import faults
from tests.builders.tampering import tamper
from tests.builders.transactions import codes, counts, events, rows
from tests.builders.warehouse import ANN, BEN, Warehouse, a_parcel, line_units, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

TABLES = ("fulfillment", "fulfillment_line", "event", "audit_entry", "task")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    await warehouse.shop.receive(9, "TEE-S")
    return warehouse


async def parcels_of(warehouse: Warehouse, placed: Outcome) -> list[dict[str, Any]]:
    """The fulfillments of an order by number, with the units of their lines."""
    found = await rows(
        warehouse.database,
        "SELECT f.*, (SELECT SUM(l.quantity) FROM fulfillment_line l WHERE l.fulfillment_id = f.id)"
        " AS units FROM fulfillment f WHERE f.order_id = $1 ORDER BY f.number",
        UUID(placed.refs["order"]),
    )
    order = await warehouse.shop.order(placed)
    return [{**row, "place": row["number"].removeprefix(order["number"])} for row in found]


def shown(parcels: list[dict[str, Any]]) -> list[tuple[str, str, int, int | None]]:
    return [(p["place"], p["status"], int(p["units"]), p["weight_grams"]) for p in parcels]


async def proven(warehouse: Warehouse) -> None:
    assert await faults(warehouse.database) == []
    assert [str(each) for each in await reconcile(warehouse.database)] == []


async def slip(warehouse: Warehouse, parcel: dict[str, Any]) -> SlipFacts:
    async with warehouse.database.snapshot() as session:
        return (await slips_by_fulfillment(session, [parcel["id"]]))[parcel["id"]]


async def test_parcels_of_an_order_are_numbered_from_1(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(2, at="YORK")
    placed = await warehouse.shop.place(("TEE-M", 11), ("TEE-S", 10), backorder=True)
    assert [p["place"] for p in await parcels_of(warehouse, placed)] == ["-1", "-2"]
    await warehouse.shop.receive(4, "TEE-S")
    found = await parcels_of(warehouse, placed)
    assert [p["place"] for p in found] == ["-1", "-2", "-3"]
    await warehouse.shop.receive(4, "TEE-S", at="YORK")
    moved = found[2]["id"]
    assert not (await warehouse.reroute(moved, "YORK")).refusals
    found = await parcels_of(warehouse, placed)
    assert [(p["place"], p["status"]) for p in found][2:] == [("-3", "CANCELLED"), ("-4", "OPEN")]
    await proven(warehouse)


async def test_a_number_is_found_as_people_type_it(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await parcels_of(warehouse, placed)
    typed = parcel["number"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert issued_number(typed) == parcel["number"]
    for other in ("", "R-1", (await warehouse.shop.order(placed))["number"], "R000000-000000-0"):
        assert issued_number(other) is None


async def test_a_number_that_does_not_fit_is_found(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await parcels_of(warehouse, placed)
    await tamper(warehouse.database.url, "UPDATE fulfillment SET number = 'R-7'")
    assert "numbers from 1, found R-7" in str((await reconcile(warehouse.database))[0])
    assert parcel["place"] == "-1"


async def test_one_parcel_with_its_weight(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    [parcel] = await parcels_of(warehouse, placed)
    await warehouse.pick(parcel["id"])
    packed = PackedParcel(None, ParcelSize(1_200, 400, 300, 200))
    done = await warehouse.pack(parcel["id"], ANN, packed)
    assert done.refs == {"fulfillment": str(parcel["id"]), "fulfillments": [str(parcel["id"])]}
    [parcel] = await parcels_of(warehouse, placed)
    assert shown([parcel]) == [("-1", "PACKED", 3, 1_200)]
    assert [parcel[name] for name in ("length_mm", "width_mm", "height_mm")] == [400, 300, 200]


async def test_several_parcels_are_packed_at_once(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 2))
    [parcel] = await parcels_of(warehouse, placed)
    first, second = [line["id"] for line in await warehouse.shop.lines(placed)]
    await warehouse.pick(parcel["id"])
    done = await warehouse.pack(
        parcel["id"],
        ANN,
        a_parcel((first, 1), grams=900),
        a_parcel((first, 2), (second, 1), grams=2_500),
        a_parcel((second, 1)),
    )
    found = await parcels_of(warehouse, placed)
    assert shown(found) == [
        ("-1", "PACKED", 1, 900),
        ("-2", "PACKED", 3, 2_500),
        ("-3", "PACKED", 1, None),
    ]
    assert done.refs["fulfillments"] == [str(each["id"]) for each in found]
    assert sorted(await warehouse.live()) == [("SHIP", "OPEN", None)] * 3
    [event] = await events(warehouse.database, "fulfillment.split")
    assert sorted(event["data"]["siblings"].values()) == [1, 3]
    await proven(warehouse)
    for number, each in enumerate(found):
        sent = await warehouse.shop.ship(each["id"], tracking_number=f"JD{number}")
        assert not sent.refusals
        await proven(warehouse)
    assert (await warehouse.shop.order(placed))["status"] == "SHIPPED"


async def test_parcels_without_exactly_the_units_are_refused(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 1))
    other = await warehouse.shop.place(("TEE-M", 1), reference="W-2")
    [parcel] = await parcels_of(warehouse, placed)
    first, second = [line["id"] for line in await warehouse.shop.lines(placed)]
    [foreign] = [line["id"] for line in await warehouse.shop.lines(other)]
    await warehouse.pick(parcel["id"])
    before = await counts(warehouse.database, *TABLES)
    whole = a_parcel((first, 3), (second, 1))
    cases: list[tuple[list[PackedParcel], list[tuple[str, tuple[str, ...]]]]] = [
        ([a_parcel((first, 2))], [("INVALID", ("parcels",))]),
        ([a_parcel((first, 2)), whole], [("INVALID", ("parcels",))]),
        ([a_parcel((first, 4))], [("INVALID", ("parcels", "0", "units", "0", "quantity"))]),
        ([a_parcel((first, 0))], [("INVALID", ("parcels", "0", "units", "0", "quantity"))]),
        ([PackedParcel((), ParcelSize())], [("INVALID", ("parcels", "0", "units"))]),
        (
            [a_parcel((foreign, 1)), a_parcel((uuid4(), 1))],
            [
                ("NOT_FOUND", ("parcels", "0", "units", "0", "orderLineId")),
                ("NOT_FOUND", ("parcels", "1", "units", "0", "orderLineId")),
            ],
        ),
        (
            [a_parcel(), a_parcel((first, 3), grams=0)],
            [("INVALID", ("parcels", "0", "units")), ("INVALID", ("parcels", "1", "weightGrams"))],
        ),
        ([whole] * 51, [("LIMIT_EXCEEDED", ("parcels",))]),
    ]
    for sent, wanted in cases:
        refused = await warehouse.pack(parcel["id"], ANN, *sent)
        assert codes(refused) == wanted
    assert await counts(warehouse.database, *TABLES) == before


async def test_a_parcel_has_a_largest_weight(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await parcels_of(warehouse, placed)
    await warehouse.pick(parcel["id"])
    refused = await warehouse.pack(parcel["id"], ANN, a_parcel(grams=31_501))
    [refusal] = refused.refusals
    assert (refusal.code, refusal.field) == ("INVALID", ("parcels", "0", "weightGrams"))
    assert refusal.details == {"minimum": 1, "maximum": 31_500, "requested": 31_501}
    assert refusal.message == "A parcel of 1 to 31500 grams is allowed; 31501 was sent."
    assert not (await warehouse.pack(parcel["id"], ANN, a_parcel(grams=31_500))).refusals


async def test_units_move_to_a_sibling(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 2))
    [parcel] = await parcels_of(warehouse, placed)
    first, second = [line["id"] for line in await warehouse.shop.lines(placed)]
    await warehouse.claim()
    done = await warehouse.split(parcel["id"], (first, 1), (second, 2))
    found = await parcels_of(warehouse, placed)
    assert shown(found) == [("-1", "OPEN", 2, None), ("-2", "OPEN", 3, None)]
    assert done.refs == {
        "fulfillment": str(found[0]["id"]),
        "fulfillments": [str(each["id"]) for each in found],
    }
    assert sorted(await warehouse.live(), key=str) == [
        ("PICK", "CLAIMED", "ann"),
        ("PICK", "OPEN", None),
    ]
    await warehouse.pick(found[1]["id"])
    assert not (await warehouse.split(found[1]["id"], (second, 1))).refusals
    found = await parcels_of(warehouse, placed)
    assert shown(found)[1:] == [("-2", "PICKED", 2, None), ("-3", "PICKED", 1, None)]
    await proven(warehouse)


async def test_what_cannot_be_split_is_refused(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await parcels_of(warehouse, placed)
    [line] = [line["id"] for line in await warehouse.shop.lines(placed)]
    before = await counts(warehouse.database, *TABLES)
    split = warehouse.split
    assert codes(await split(parcel["id"], (line, 2))) == [("INVALID", ("units",))]
    assert codes(await split(parcel["id"])) == [("INVALID", ("units",))]
    assert codes(await split(parcel["id"], (line, 3))) == [("INVALID", ("units", "0", "quantity"))]
    assert codes(await split(uuid4(), (line, 1))) == [("NOT_FOUND", ("id",))]
    bounded = holder(Role.WAREHOUSE, actor="yo", locations=frozenset({"YORK"}))
    assert codes(await split(parcel["id"], (line, 1), by=bounded)) == [("NOT_FOUND", ("id",))]
    assert await counts(warehouse.database, *TABLES) == before
    await warehouse.claim(by=BEN)
    assert codes(await split(parcel["id"], (line, 1))) == [("TASK_NOT_CLAIMED", ("id",))]
    await warehouse.pick(parcel["id"], by=BEN)
    await warehouse.pack(parcel["id"])
    assert codes(await split(parcel["id"], (line, 1))) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_each_parcel_is_cancelled_lost_and_refunded_alone(warehouse: Warehouse) -> None:
    """Shipping is booked with the first parcel that leaves, whichever it is."""
    placed = await warehouse.shop.place(("TEE-M", 4))
    [parcel] = await parcels_of(warehouse, placed)
    [line] = [line["id"] for line in await warehouse.shop.lines(placed)]
    await warehouse.pick(parcel["id"])
    parts = (a_parcel((line, 1)), a_parcel((line, 2)), a_parcel((line, 1)))
    await warehouse.pack(parcel["id"], ANN, *parts)
    first, second, third = await parcels_of(warehouse, placed)
    assert not (await warehouse.shop.ship(second["id"], tracking_number="JD2")).refusals
    await warehouse.record_event("LOST", number="JD2")
    await proven(warehouse)
    assert not (await warehouse.shop.cancel(placed, (line, 1))).refusals
    [left] = [p for p in await parcels_of(warehouse, placed) if p["status"] == "PACKED"]
    assert left["id"] in (first["id"], third["id"])
    assert not (await warehouse.shop.ship(left["id"], tracking_number="JD3")).refusals
    statuses = [p["status"] for p in await parcels_of(warehouse, placed)]
    assert sorted(statuses) == ["CANCELLED", "LOST", "SHIPPED"]
    await proven(warehouse)


async def test_a_slip_states_this_parcel_and_the_others(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 10), backorder=True)
    order = await warehouse.shop.order(placed)
    [parcel] = await parcels_of(warehouse, placed)
    first, second = [line["id"] for line in await warehouse.shop.lines(placed)]
    await warehouse.split(parcel["id"], (first, 3))
    one, two = await parcels_of(warehouse, placed)
    found = await slip(warehouse, two)
    assert (found.number, found.order_number) == (f"{order['number']}-2", order["number"])
    assert (found.channel, found.ship_to) == ("web", None)
    assert (found.parcel, found.parcels) == (2, 2)
    assert [(line["sku"], line["quantity"]) for line in found.lines] == [("TEE-M", 3)]
    # 9 of TEE-S are in the first parcel, and 1 waits for stock.
    assert [(line["sku"], line["quantity"]) for line in found.others] == [("TEE-S", 10)]
    await warehouse.shop.cancel(placed, (second, 10))
    assert [p["status"] for p in await parcels_of(warehouse, placed)] == ["CANCELLED", "OPEN"]
    found = await slip(warehouse, two)
    assert (found.parcel, found.parcels, found.others) == (1, 1, [])
    gone = await slip(warehouse, one)
    assert (gone.parcel, gone.parcels, gone.lines) == (0, 1, [])


async def test_sizes_that_are_out_of_range_are_refused_together(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await parcels_of(warehouse, placed)
    [line] = [line["id"] for line in await warehouse.shop.lines(placed)]
    await warehouse.pick(parcel["id"])
    size = ParcelSize(-1, 10_001, 0, 10_000)
    refused = await warehouse.pack(parcel["id"], ANN, PackedParcel(line_units((line, 1)), size))
    assert [field[-1] for _, field in codes(refused)] == ["weightGrams", "lengthMm", "widthMm"]
