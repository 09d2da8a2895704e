"""Codes of returns and refunds in other spellings: the same return, the same person."""

import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.returns import Desk
from tests.builders.transactions import codes, counts, rows
from tests.workflows.returns.test_inspections import TWO_INSPECTORS

TABLES = ("refund_approval", "event", "audit_entry", "stock_movement", "unidentified_parcel")


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
def desk(refund_desk: RefundDesk) -> Desk:
    return refund_desk.desk


async def test_a_parcel_is_received_by_the_number_that_was_typed(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    number = (await desk.find(made))["rma_number"]
    typed = number.replace("-", " ").replace("0", "o").replace("1", "l").lower()
    received = await desk.receive(None, ("tee-m", 2), at="leeds", rma_number=f" {typed}")
    assert received.refs["return"] == made.refs["return"]
    assert (await desk.units(made))[0][:2] == ("TEE-M", 2)


async def test_a_parcel_is_received_by_its_tracking_number(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    await desk.track(made, "Jd-Back-1 ")
    received = await desk.receive(None, ("TEE-M", 1), tracking_number="ＪＤ-BACK-1")
    assert received.refs["return"] == made.refs["return"]
    invisible = await desk.track(made, "JD\x01")
    assert codes(invisible) == [("INVALID", ("trackingNumber",))]


async def test_an_unmatched_parcel_is_kept_once(desk: Desk) -> None:
    first = await desk.receive(None, ("tee-m", 1), tracking_number="Lost-1")
    before = await counts(desk.database, *TABLES)
    again = await desk.receive(None, ("TEE-M", 1), tracking_number="LOST-1")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "trackingNumber"))]
    assert again.refs["exception"] == first.refs["exception"]
    assert await counts(desk.database, *TABLES) == before


async def test_units_are_requested_by_any_spelling_of_the_sku(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 1))
    made = await desk.request(order, ("Tee-m", 1), reason="unwanted")
    assert not made.refusals
    assert (await desk.units(made))[0][0] == "TEE-M"


@pytest.mark.parametrize("spelling", ["Fiona", "fiona ", "ＦＩＯＮＡ"])
async def test_four_eyes_are_not_two_spellings(refund_desk: RefundDesk, spelling: str) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 20), ("TEE-S", 20), ("TEE-L", 20))
    requester = holder(Role.FINANCE, actor="Frida")
    made = await refund_desk.create(order, "501.00", requester)
    by = holder(Role.FINANCE, actor="fiona")
    assert not (await refund_desk.approve(made, by)).refusals
    before = await counts(refund_desk.database, *TABLES)
    for actor, part in ((spelling, "approved"), ("FRIDA", "requested")):
        again = await refund_desk.approve(made, holder(Role.FINANCE, actor=actor))
        assert codes(again) == [("SELF_APPROVAL", ("id",))]
        assert again.refusals[0].details["part"] == part
    assert await counts(refund_desk.database, *TABLES) == before
    assert await refund_desk.status(made) == "NEEDS_APPROVAL"


async def test_the_second_inspector_is_another_person(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, TWO_INSPECTORS)
    made = await desk.requested(("TEE-M", 1))
    await desk.receive(made, ("TEE-M", 1))
    [group] = await desk.groups(made)
    first = holder(Role.WAREHOUSE, actor="Anna")
    assert not (await desk.inspect(made, (group["id"], 1, "NEW"), by=first)).refusals
    same = holder(Role.WAREHOUSE, actor="anna ")
    refused = await desk.inspect(made, (group["id"], 1, "NEW"), by=same)
    assert codes(refused) == [("SELF_APPROVAL", ("input", "findings", "0", "returnItemId"))]
    found = await rows(desk.database, "SELECT inspector FROM inspection")
    assert [row["inspector"] for row in found] == ["Anna"]
