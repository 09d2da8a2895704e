"""Receipts: partial, wrong, extra, missing, late and unidentified units, at their original cost."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

import models.queries.exceptions.exceptions as exception_queries
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.stock.goods_receipts
from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from domain.stock.states import StockState
from models.database.database import Database
from tests.builders.returns import BOSS, Desk, open_return_desk
from tests.builders.store import ADMIN, pounds
from tests.builders.transactions import codes, counts, events, rows
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock
from workflows.transactions.outcomes import Outcome, Request

TABLES = (
    "return_item",
    "unidentified_parcel",
    "stock_movement",
    "journal_entry",
    "event",
    "operational_exception",
)


WAITING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def test_a_parcel_goes_into_quality_control_at_the_cost_of_before(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    assert not (await desk.receive(made, ("TEE-M", 2))).refusals
    assert await desk.status(made) == "RECEIVED"
    assert await desk.shop.level() == {"available": 18, "quality_control": 2}
    balances = await desk.balances()
    assert balances["inventory_in_quality_control"] == 800
    assert "cost_of_goods_sold" not in balances
    assert await desk.exceptions() == []


async def test_units_come_back_at_what_they_cost_when_they_left(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 3))
    await desk.shop.receive(100)
    async with desk.database.writer() as session:
        # Three units had cost 10.00 together when they left: the amount has no exact unit cost.
        await session.execute("UPDATE fulfillment_line SET cost_minor = 1000")
    costs = []
    for _ in range(3):
        await desk.receive(made, ("TEE-M", 1))
        [newest] = (await desk.groups(made))[-1:]
        costs.append(newest["cost_minor"])
    assert sorted(group["cost_minor"] for group in await desk.groups(made)) == [333, 333, 334]


async def test_several_parcels_and_the_rest_is_missing(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 3), ("COAT", 1))
    await desk.receive(made, ("TEE-M", 1))
    assert await desk.status(made) == "PARTIALLY_RECEIVED"
    first = (await desk.groups(made))[0]
    assert (first["quantity"], first["state"]) == (2, "EXPECTED")
    last = await desk.receive(made, ("TEE-M", 1), complete=True)
    assert await desk.status(made) == "RECEIVED"
    assert sorted(await desk.units(made)) == [
        ("COAT", 1, "MISSING"),
        ("TEE-M", 1, "MISSING"),
        ("TEE-M", 1, "RECEIVED"),
        ("TEE-M", 1, "RECEIVED"),
    ]
    assert last.refs["exception"]
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 2)]


async def test_what_was_missing_may_come_after_all(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    await desk.receive(made, ("TEE-M", 1), complete=True)
    assert not (await desk.receive(made, ("TEE-M", 1))).refusals
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]
    assert await desk.shop.level() == {"available": 18, "quality_control": 2}


async def test_wrong_and_extra_units_are_groups_of_their_own(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    came = await desk.receive(made, ("TEE-M", 2), ("TEE-L", 1))
    assert not came.refusals
    assert await desk.units(made) == [
        ("TEE-M", 1, "RECEIVED"),
        ("TEE-M", 1, "WRONG_ITEM"),
        ("TEE-L", 1, "WRONG_ITEM"),
    ]
    strange = (await desk.groups(made))[1:]
    assert all(group["order_line_id"] is None and group["reason_id"] is None for group in strange)
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 2)]
    assert (await desk.balances())["inventory_adjustments"] == -800


async def test_a_second_receipt_of_the_same_parcel_is_refused(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    await desk.receive(made, ("TEE-M", 2))
    before = await counts(desk.database, *TABLES)
    again = await desk.receive(made, ("TEE-M", 2))
    assert [code for code, _ in codes(again)] == ["ILLEGAL_TRANSITION"]
    assert again.refusals[0].details["allowed"] == ["CLOSED"]
    assert await counts(desk.database, *TABLES) == before


async def test_a_parcel_names_its_return_by_number(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 3), tracking_number="JD-7", carrier="DHL")
    number = (await desk.find(made))["rma_number"]
    assert (await desk.receive(None, ("TEE-M", 1), rma_number=number)).refs == made.refs
    assert (await desk.receive(None, ("TEE-M", 1), tracking_number="JD-7")).refs == made.refs
    unknown = await desk.receive(None, ("TEE-M", 1), tracking_number="JD-7", rma_number="RMA-X")
    assert unknown.refs == made.refs


async def test_one_parcel_with_returns_of_two_orders_needs_a_name(desk: Desk) -> None:
    one = await desk.requested(("TEE-M", 1), tracking_number="JD-7", carrier="DHL")
    two = await desk.requested(("COAT", 1), reference="W-2", tracking_number="JD-7", carrier="DHL")
    refused = await desk.receive(None, ("COAT", 1), tracking_number="JD-7")
    assert codes(refused) == [("INVALID", ("input", "trackingNumber"))]
    assert not (await desk.receive(two, ("COAT", 1), tracking_number="JD-7")).refusals
    assert (await desk.receive(None, ("TEE-M", 1), tracking_number="JD-7")).refs == one.refs


async def test_an_unidentified_parcel_waits_in_quarantine(desk: Desk) -> None:
    kept = await desk.receive(None, ("TEE-M", 2), ("TEE-M", 1), tracking_number="JD-??")
    assert set(kept.refs) == {"exception"}
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)]
    assert await desk.shop.level() == {"available": 20, "quarantine": 3}
    balances = await desk.balances()
    assert balances["inventory_in_quality_control"] == 1200
    assert balances["inventory_adjustments"] == -1200
    again = await desk.receive(None, ("TEE-M", 3), tracking_number="JD-??")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "trackingNumber"))]
    assert again.refs == kept.refs


async def test_an_identified_parcel_moves_and_is_not_received_again(desk: Desk) -> None:
    kept = await desk.receive(None, ("TEE-M", 2), ("TEE-L", 1), tracking_number="JD-??")
    made = await desk.requested(("TEE-M", 2))
    exception = UUID(kept.refs["exception"])
    wrong = await desk.receive(made, at="YORK", exception_id=exception)
    assert codes(wrong) == [("INVALID", ("input", "locationCode"))]
    more = await desk.receive(made, ("TEE-M", 3), exception_id=exception)
    assert codes(more) == [("INSUFFICIENT_STOCK", ("input", "items"))]
    part = await desk.receive(made, ("TEE-M", 1), exception_id=exception)
    assert not part.refusals
    assert await desk.shop.level() == {"available": 18, "quality_control": 1, "quarantine": 1}
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)]
    rest = await desk.receive(made, exception_id=exception)
    assert not rest.refusals
    assert await desk.shop.level() == {"available": 18, "quality_control": 2}
    assert await desk.shop.level("TEE-L") == {"available": 20, "quality_control": 1}
    assert ("UNIDENTIFIED_PARCEL", "AUTO_RESOLVED", 1) in await desk.exceptions()
    balances = await desk.balances()
    # Only the unit without an order line remains a gain.
    assert balances["inventory_adjustments"] == -400
    assert balances["inventory_in_quality_control"] == 1200
    again = await desk.receive(made, exception_id=exception)
    assert codes(again) == [("ILLEGAL_TRANSITION", ("input", "exceptionId"))]


async def test_an_exception_without_a_parcel_or_a_return_is_not_found(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    assert codes(await desk.receive(made, ("TEE-M", 1), exception_id=uuid4())) == [
        ("NOT_FOUND", ("input", "exceptionId"))
    ]
    kept = await desk.receive(None, ("TEE-M", 1))
    exception = UUID(kept.refs["exception"])
    assert codes(await desk.receive(None, rma_number="RMA-X", exception_id=exception)) == [
        ("NOT_FOUND", ("input", "returnId"))
    ]
    assert codes(await desk.receive(None, exception_id=exception)) == [
        ("INVALID", ("input", "returnId"))
    ]
    other = await desk.receive(made, ("TEE-L", 1), exception_id=exception)
    assert other.refusals[0].details == {"sku": "TEE-L", "requested": 1, "available": 0}


async def test_a_parcel_of_a_return_that_is_off_waits_too(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    await desk.cancel(made)
    kept = await desk.receive(made, ("TEE-M", 2))
    assert not kept.refusals
    assert kept.refs["return"] == made.refs["return"]
    assert await desk.status(made) == "CANCELLED"
    assert await desk.units(made) == [("TEE-M", 2, "EXPECTED")]
    assert await desk.shop.level() == {"available": 18, "quarantine": 2}
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    exception = UUID(kept.refs["exception"])
    refused = await desk.receive(made, exception_id=exception)
    assert codes(refused) == [("ILLEGAL_TRANSITION", ("input", "returnId"))]
    order = Outcome(refs={"order": str((await desk.find(made))["order_id"])})
    anew = await desk.request(order, ("TEE-M", 2))
    assert not (await desk.receive(anew, exception_id=exception)).refusals
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]
    assert await desk.shop.level() == {"available": 18, "quality_control": 2}


async def test_a_declined_return_takes_its_parcel_once_it_is_authorized(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
    made = await desk.requested(("TEE-M", 1))
    kept = await desk.receive(made, ("TEE-M", 1))
    assert await desk.status(made) == "DECLINED"
    await desk.authorize(made, "it is here already", by=BOSS)
    assert not (await desk.receive(made, ("TEE-M", 1))).refusals
    # Other receipts do not settle units that wait in quarantine.
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    other = await desk.requested(("TEE-M", 1), reference="W-2")
    await desk.authorize(other, "the parcel was this one's", by=BOSS)
    exception = UUID(kept.refs["exception"])
    assert not (await desk.receive(other, exception_id=exception)).refusals
    assert await desk.status(other) == "RECEIVED"
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]


async def test_two_returns_that_swap_quarantined_parcels_do_not_fail(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each receipt clears the exception that the other counts next: the second one waits."""
    database = Database(postgres_url)
    await database.open()
    try:
        desk = await open_return_desk(database)
        await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
        tee = await desk.requested(("TEE-M", 1), reference="W-1")
        coat = await desk.requested(("COAT", 1), reference="W-2")
        kept_tee = UUID((await desk.receive(tee, ("TEE-M", 1))).refs["exception"])
        kept_coat = UUID((await desk.receive(coat, ("COAT", 1))).refs["exception"])
        for made in (tee, coat):
            await desk.authorize(made, "the parcel is here", by=BOSS)
        clear = exception_queries.clear_exception
        attempts = cleared = 0

        async def clear_while_the_other_waits(*args: Any) -> Any:
            nonlocal cleared
            found = await clear(*args)
            cleared += 1
            while cleared == 1 and not await rows(database, WAITING):
                pass  # each query gives the other receipt its turn
            return found

        async def count_attempts(*args: Any) -> Any:
            nonlocal attempts
            attempts += 1
            return await mark_empty(*args)

        mark_empty = parcel_queries.mark_empty
        monkeypatch.setattr(exception_queries, "clear_exception", clear_while_the_other_waits)
        monkeypatch.setattr(parcel_queries, "mark_empty", count_attempts)
        outcomes = await asyncio.gather(
            desk.receive(tee, exception_id=kept_coat), desk.receive(coat, exception_id=kept_tee)
        )
        assert [outcome.refusals for outcome in outcomes] == [(), ()]
        assert attempts == 2  # the database ended no transaction
        assert [await desk.status(made) for made in (tee, coat)] == ["PARTIALLY_RECEIVED"] * 2
        assert [states[-1] for states in [await desk.units(made) for made in (tee, coat)]] == [
            ("COAT", 1, "WRONG_ITEM"),
            ("TEE-M", 1, "WRONG_ITEM"),
        ]
    finally:
        await database.close()


async def test_an_emptied_parcel_leaves_other_discrepancies_of_its_return_open(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
    tee = await desk.requested(("TEE-M", 1), reference="W-1")
    coat = await desk.requested(("COAT", 1), reference="W-2")
    kept_tee = UUID((await desk.receive(tee, ("TEE-M", 1))).refs["exception"])
    kept_coat = UUID((await desk.receive(coat, ("COAT", 1))).refs["exception"])
    for made in (tee, coat):
        await desk.authorize(made, "the parcel is here", by=BOSS)
    assert not (await desk.receive(tee, exception_id=kept_coat)).refusals
    assert not (await desk.receive(coat, exception_id=kept_tee)).refusals
    # Both parcels are empty, and each return has a unit of the other item. The first exception was
    # cleared and came back within the hour.
    statuses = [status for _, status, _ in await desk.exceptions()]
    assert statuses == ["OPEN", "OPEN"]


async def test_low_risk_units_take_the_fast_lane(desk: Desk) -> None:
    lane = {"maxRisk": 0.2, "reasons": ["UNWANTED"], "maxUnitValue": {"GBP": "50.00"}}
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "fastLane": lane})
    made = await desk.requested(("TEE-M", 2))
    assert not (await desk.receive(made, ("TEE-M", 1))).refusals
    assert await desk.units(made) == [("TEE-M", 1, "EXPECTED"), ("TEE-M", 1, "DISPOSED")]
    passed = (await desk.groups(made))[1]
    assert (passed["condition"], passed["inspected_by"]) == ("NEW", "policy")
    assert await desk.shop.level() == {"available": 19}
    assert (await desk.balances())["inventory"] == 80 * 400 - 400
    slow = await desk.requested(("COAT", 1), reference="W-2", reason="DEFECTIVE")
    await desk.receive(slow, ("COAT", 1))
    assert await desk.units(slow) == [("COAT", 1, "RECEIVED")]
    types = [each["type"] for each in await events(desk.database, "return.")]
    assert types[2:5] == ["return.received", "return.inspected", "return.disposed"]


@pytest.mark.parametrize(
    ("items", "facts", "code", "field"),
    [
        ((), {}, "INVALID", ("items",)),
        ((("TEE-M", 0),), {}, "INVALID", ("items", "0", "quantity")),
        ((("NOPE", 1),), {}, "NOT_FOUND", ("items", "0", "sku")),
        ((("TEE-M", 1, uuid4()),), {}, "NOT_FOUND", ("items", "0", "returnItemId")),
        ((("TEE-M", 1),), {"at": "NOWHERE"}, "NOT_FOUND", ("locationCode",)),
        ((("TEE-M", 1),), {"tracking_number": ""}, "INVALID", ("trackingNumber",)),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    desk: Desk,
    items: tuple[tuple[str, int], ...],
    facts: dict[str, Any],
    code: str,
    field: tuple[str, ...],
) -> None:
    made = await desk.requested(("TEE-M", 1))
    before = await counts(desk.database, *TABLES)
    assert codes(await desk.receive(made, *items, **facts)) == [(code, ("input", *field))]
    assert await counts(desk.database, *TABLES) == before


async def test_a_return_of_another_location_does_not_exist_at_this_dock(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    york = holder(Role.WAREHOUSE, actor="yves", locations=frozenset({"YORK"}))
    kept = await desk.receive(made, ("TEE-M", 1), at="YORK", by=york)
    assert set(kept.refs) == {"exception"}
    assert await desk.status(made) == "AUTHORIZED"
    moved = await desk.receive(made, at="YORK", exception_id=UUID(kept.refs["exception"]))
    assert not moved.refusals
    assert await desk.shop.level(at="YORK") == {"quality_control": 1}


async def test_units_of_returns_and_parcels_are_not_moved_by_hand(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    await desk.receive(made, ("TEE-M", 2))
    await desk.receive(None, ("TEE-M", 1))
    await desk.shop.move(1, "AVAILABLE", "QUALITY_CONTROL")
    assert codes(await desk.shop.move(2, "QUALITY_CONTROL", "AVAILABLE")) == [
        ("INSUFFICIENT_STOCK", ("input", "quantity"))
    ]
    assert codes(await desk.shop.move(1, "QUARANTINE", "AVAILABLE")) == [
        ("INSUFFICIENT_STOCK", ("input", "quantity"))
    ]
    from_quality = await desk.shop.adjust(-2, state=StockState.QUALITY_CONTROL)
    assert codes(from_quality) == [("INSUFFICIENT_STOCK", ("input", "delta"))]
    assert from_quality.refusals[0].details["available"] == 1
    assert not (await desk.shop.move(1, "QUALITY_CONTROL", "AVAILABLE")).refusals


async def test_units_of_returns_keep_a_cost_of_their_own(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    dear = ReceiveStock("LEEDS", "PO-2", (ReceiptLine("TEE-M", 20, pounds("8.00")),))
    await desk.shop.transactions.perform(
        workflows.stock.goods_receipts.receive, Request(dear, ADMIN)
    )
    await desk.receive(made, ("TEE-M", 1))
    await desk.shop.move(1, "AVAILABLE", "QUALITY_CONTROL")
    [cost] = await rows(
        desk.database,
        "SELECT c.* FROM item_cost c JOIN item i ON i.id = c.item_id WHERE i.sku = 'TEE-M'",
    )
    assert (cost["returned_quantity"], cost["returned_value_minor"]) == (1, 400)
    assert cost["quality_value_minor"] - cost["returned_value_minor"] > 400
    await desk.shop.move(1, "QUALITY_CONTROL", "AVAILABLE")
    [group] = await desk.groups(made)
    await desk.inspect(made, (group["id"], 1, "NEW"))
    assert "inventory_in_quality_control" not in await desk.balances()
