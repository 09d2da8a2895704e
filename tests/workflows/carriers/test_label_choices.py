"""Labels that the FULFILLMENT policy chooses and asks for, and labels of held parcels."""

from typing import Any
from uuid import UUID

import pytest

import workflows.orders.fulfillment_holds
import workflows.warehouse.packing
from domain.orders.fulfillment_holds import HoldReason, NewHold
from domain.orders.parcels import PackedParcel, ParcelSize, ParcelUnits
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN
from tests.builders.transactions import codes
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from workflows.ledger.reconciliation import reconcile
from workflows.orders.hold_subjects import HoldFulfillment
from workflows.transactions.outcomes import Request
from workflows.warehouse.packing import PackFulfillment

SUBJECT = ("input", "subjectId")


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


_EXPRESS = {"serviceLevel": "express", "carrier": "SIMULATOR", "service": "next_day"}
_ELSEWHERE = {"serviceLevel": "STANDARD", "carrier": "pigeon", "service": "coo"}


@pytest.mark.parametrize(
    ("level", "asked", "service"),
    [
        ("EXPRESS", {}, "next_day"),
        ("EXPRESS", {"carrier": "simulator"}, "next_day"),
        ("EXPRESS", {"service": "slow"}, "slow"),
        # The policy's carrier is not configured: its service is not one of the first carrier.
        ("STANDARD", {}, "STANDARD"),
        ("SLOW", {}, "SLOW"),
    ],
)
async def test_the_policy_chooses_carrier_and_service(
    desk: LabelDesk, level: str, asked: dict[str, Any], service: str
) -> None:
    rules = {"carriers": [_EXPRESS, _ELSEWHERE]}
    await desk.shop.publish(PolicyKind.FULFILLMENT, rules)
    placed = await desk.shop.place(("TEE-M", 1), service_level=level)
    [parcel] = await desk.shop.fulfillments(placed)
    row = await desk.find(await desk.buy(parcel["id"], **asked))
    assert (row["carrier"], row["service"]) == ("simulator", service)


async def test_each_packed_parcel_gets_its_label_if_the_policy_wants_it(desk: LabelDesk) -> None:
    """Of two parcels, both get one; without the policy, none."""
    for number, labels_on_pack in enumerate((False, True)):
        await desk.shop.publish(PolicyKind.FULFILLMENT, {"labelOnPack": labels_on_pack})
        placed = await desk.shop.place(("TEE-M", 2), reference=f"W-{number}")
        [parcel] = await desk.shop.fulfillments(placed)
        [line] = await desk.shop.lines(placed)
        await desk.warehouse.pick(parcel["id"])
        each = ParcelUnits(line["id"], 1)
        parcels = tuple(PackedParcel((each,), ParcelSize(weight_grams=900)) for _ in range(2))
        packed = await desk.shop.transactions.perform(
            workflows.warehouse.packing.pack,
            Request(PackFulfillment(UUID(str(parcel["id"])), parcels), ADMIN),
        )
        assert not packed.refusals
        await desk.work()
        parcels_made = [each["id"] for each in await desk.shop.fulfillments(placed)]
        numbers = [(await desk.fulfillment(each))["tracking_number"] for each in parcels_made]
        assert [number is not None for number in numbers] == [labels_on_pack] * 2
    assert [sent.parcel["weightGrams"] for sent in desk.carrier.orders] == [900, 900]
    assert len({sent.reference for sent in desk.carrier.orders}) == 2
    assert await reconcile(desk.database) == []


async def test_a_held_parcel_gets_no_label(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    hold = NewHold(HoldReason.ADDRESS)
    await desk.shop.transactions.perform(
        workflows.orders.fulfillment_holds.hold,
        Request(HoldFulfillment(None, parcel, hold), ADMIN),
    )
    refused = await desk.buy(parcel)
    assert codes(refused) == [("ILLEGAL_TRANSITION", SUBJECT)]
    assert [each["reason"] for each in refused.refusals[0].details["holds"]] == ["ADDRESS"]
