"""Codes of holds, orders and parcels in other spellings."""

import pytest

import workflows.carriers.tracking_events
from domain.orders.carriers import CarrierStatus
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, Shop, open_shop, pounds
from tests.builders.transactions import codes, counts, events, rows
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.commands import Payment
from workflows.transactions.outcomes import Outcome, Request

TABLES = ("sales_order", "reservation", "stock_movement", "event", "audit_entry")


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = await open_shop(database)
    await shop.receive(20)
    return shop


async def test_stock_and_holds_are_found_in_any_spelling(shop: Shop) -> None:
    received = await shop.receive(5, " tee-l", "leeds")
    assert not received.refusals
    assert not (await shop.adjust(-1, "Tee-L", "Leeds", reason="count")).refusals
    held = await shop.hold(("ＴＥＥ-M", 2, "leeds"), channel="Web", external_reference=" Cart-1")
    assert not held.refusals
    [created] = await events(shop.database, "reservation.created")
    assert created["data"]["units"] == {"TEE-M": 2}
    before = await counts(shop.database, *TABLES)
    again = await shop.hold(("TEE-M", 1), external_reference="CART-1 ")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "externalReference"))]
    assert again.refs == held.refs
    assert await counts(shop.database, *TABLES) == before


async def test_an_order_is_placed_once_in_any_spelling(shop: Shop) -> None:
    placed = await shop.place(("tee-m", 1), ("TEE-M", 2), channel="WEB", reference="w-1")
    [event] = await events(shop.database, "order.placed")
    assert event["data"]["units"] == {"TEE-M": 3}
    before = await counts(shop.database, *TABLES)
    again = await shop.place(("TEE-M", 1), reference="Ｗ-1")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "externalReference"))]
    assert again.refs == placed.refs
    invisible = await shop.place(("TEE-M", 1), reference="W\u200b-2")
    assert codes(invisible) == [("INVALID", ("input", "externalReference"))]
    held = await shop.hold(("TEE-M", 1), external_reference="C\x07")
    assert codes(held) == [("INVALID", ("input", "externalReference"))]
    assert await counts(shop.database, *TABLES) == before


async def test_payments_of_an_order_have_references_of_their_own(shop: Shop) -> None:
    before = await counts(shop.database, *TABLES)
    twice = (Payment("pay-1", pounds("5.00")), Payment(" PAY-1", pounds("5.00")))
    refused = await shop.place(("TEE-M", 1), payments=twice)
    assert codes(refused) == [("INVALID", ("input", "payments", "1", "reference"))]
    assert await counts(shop.database, *TABLES) == before


async def _report(shop: Shop, carrier: str, number: str, status: CarrierStatus) -> Outcome:
    command = RecordCarrierEvent(carrier, number, "e-1", status, shop.clock.now)
    return await shop.transactions.perform(
        workflows.carriers.tracking_events.record, Request(command, ADMIN)
    )


async def test_a_carriers_report_finds_its_parcel_once(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 1))
    [parcel] = await shop.fulfillments(placed)
    assert not (await shop.ship(parcel["id"], tracking_number=" Jd01x")).refusals
    first = await _report(shop, "dhl", "JD01X", CarrierStatus.IN_TRANSIT)
    assert first.refs == {"fulfillment": str(parcel["id"])}
    again = await _report(shop, "ＤＨＬ", "jd01x ", CarrierStatus.IN_TRANSIT)
    assert again.replayed
    [stored] = await rows(shop.database, "SELECT carrier, tracking_number FROM carrier_event")
    assert tuple(stored.values()) == ("dhl", "JD01X")


async def test_a_policys_codes_are_found_in_any_spelling(shop: Shop) -> None:
    await shop.receive(5, at="YORK")
    rules = {"order": ["preference"], "preference": ["york", "Leeds"]}
    await shop.publish(PolicyKind.ROUTING, rules, "channel: WEB ")
    [policy] = await rows(shop.database, "SELECT scope FROM policy WHERE scope <> 'global'")
    assert policy["scope"] == "channel:web"
    await shop.hold(("TEE-M", 1))
    found = await rows(
        shop.database,
        "SELECT l.code FROM reservation_line r JOIN location l ON l.id = r.location_id",
    )
    assert [row["code"] for row in found] == ["YORK"]
    protected = {"order": ["depth"], "protected": [{"channel": "WEB", "units": 2}]}
    await shop.publish(PolicyKind.ROUTING, protected)
    before = await counts(shop.database, *TABLES)
    refused = await shop.hold(("TEE-M", 23), channel="market")
    assert codes(refused) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    assert await counts(shop.database, *TABLES) == before
    assert not (await shop.hold(("TEE-M", 22), channel="market")).refusals
