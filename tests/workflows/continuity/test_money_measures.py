"""Measures of refunds, returns and labels: what waits, and that it goes on afterwards."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

import models.queries.refunds.payouts as payout_queries
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import FIONA, RefundDesk, open_refund_desk
from tests.builders.returns import INSPECTOR, SECOND, Desk, open_return_desk
from tests.builders.transactions import codes, rows
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from tests.workflows.continuity.playbooks import Playbooks
from workflows.ledger.reconciliation import reconcile
from workflows.refunds.payouts import Payouts

FAST = {"window": "P30D", "fastLane": {"maxRisk": 1.0}}


@pytest.fixture
async def refunds(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def returns(database: Database) -> Desk:
    return await open_return_desk(database)


@pytest.fixture
async def labels(database: Database) -> LabelDesk:
    return await open_label_desk(database)


async def approved(desk: RefundDesk, sku: str, reference: str) -> UUID:
    """A refund of an order of this SKU that is approved and not paid yet."""
    order = await desk.desk.sold((sku, 1), reference=reference)
    opened = await desk.create(order, "5.00")
    assert not opened.refusals, opened.refusals
    refund = UUID(opened.refs["refunds"][0])
    desk.shop.clock.forward(seconds=1)
    assert not (await desk.approve(refund, by=FIONA)).refusals
    return refund


async def test_refunds_wait_and_are_paid_in_the_order_of_their_approval(
    refunds: RefundDesk,
) -> None:
    playbooks = Playbooks(refunds.shop)
    await refunds.shop.receive(5, "COAT")
    await playbooks.publish(HOLD_REFUNDS=True)
    held = [await approved(refunds, "TEE-M", f"W-{number}") for number in (1, 2)]
    other = await approved(refunds, "COAT", "W-3")
    run = await playbooks.started(skus=("TEE-M",))
    assert await playbooks.affected(run) == {"HOLD_REFUNDS": 2}
    assert await refunds.pay() == 1
    assert [await refunds.status(each) for each in (*held, other)] == [
        "APPROVED",
        "APPROVED",
        "SUCCEEDED",
    ]
    assert await refunds.pay() == 0
    later = await approved(refunds, "TEE-M", "W-4")
    assert await refunds.pay() == 0
    await playbooks.ended(run)
    async with refunds.database.snapshot() as session:
        due = await payout_queries.due_refunds(
            session, refunds.shop.clock.now, 10, with_gateway=True
        )
    assert due == [*held, later]
    while await refunds.pay():
        pass
    assert [await refunds.status(each) for each in (*held, later)] == ["SUCCEEDED"] * 3
    assert len(refunds.gateway.sent) == 4
    assert await reconcile(refunds.database) == []


async def test_a_worker_that_has_read_its_work_before_the_start_obeys(refunds: RefundDesk) -> None:
    playbooks = Playbooks(refunds.shop)
    refund = await approved(refunds, "TEE-M", "W-1")
    await playbooks.publish(HOLD_REFUNDS=True)
    await playbooks.started(channels=("web",))
    await Payouts(refunds.shop.transactions, refunds.gateway, refunds.terms).pay(refund)
    assert (await refunds.status(refund), refunds.gateway.sent) == ("APPROVED", [])


async def test_people_decide_returns_and_two_inspect(returns: Desk) -> None:
    shop = returns.shop
    await shop.publish(PolicyKind.RETURN, FAST)
    early = await returns.requested(("TEE-M", 1), reference="W-1")
    playbooks = Playbooks(shop)
    run = await playbooks.started("RETURN_SPIKE", channels=("web",))
    assert await returns.status(early) == "AUTHORIZED"
    late = await returns.requested(("TEE-M", 1), reference="W-2")
    row = await returns.find(late)
    assert row["status"] == "REQUESTED"
    assert "A person decides: the playbook RETURN_SPIKE was started." in str(row["decision"])
    received = await returns.receive(early, ("TEE-M", 1))
    assert not received.refusals
    [group] = await returns.groups(early)
    assert group["state"] == "RECEIVED", "it had the fast lane, and is inspected"
    first = await returns.inspect(early, (group["id"], 1, "NEW"), by=INSPECTOR)
    assert not first.refusals
    assert (await returns.groups(early))[0]["state"] == "RECEIVED"
    again = await returns.inspect(early, (group["id"], 1, "NEW"), by=INSPECTOR)
    assert codes(again)[0][0] == "SELF_APPROVAL"
    await playbooks.ended(run)
    assert not (await returns.inspect(early, (group["id"], 1, "NEW"), by=SECOND)).refusals
    after = await returns.requested(("TEE-M", 1), reference="W-3")
    assert await returns.status(after) == "AUTHORIZED"
    assert await returns.status(late) == "REQUESTED"
    assert not (await returns.authorize(late)).refusals
    assert await reconcile(returns.database) == []


async def test_no_label_is_bought_until_it_ends(labels: LabelDesk) -> None:
    playbooks = Playbooks(labels.shop)
    before = await labels.buy(await labels.parcel("W-1"))
    run = await playbooks.started("CARRIER_DISRUPTION", carriers=("Simulator",))
    assert (await playbooks.affected(run))["MANUAL_LABELS"] == 1
    refused = await labels.buy(await labels.parcel("W-2"))
    assert codes(refused) == [("POLICY_VIOLATION", ("input", "subjectId"))]
    assert refused.refusals[0].details["policy"] == "CONTINUITY"
    found = await rows(labels.database, "SELECT COUNT(*) AS number FROM shipping_label")
    assert found[0]["number"] == 1
    assert await labels.work(5) == 0
    assert (await labels.status(before), labels.carrier.calls) == ("REQUESTED", [])
    await labels.worker.settle(UUID(before.refs["label"]))
    assert (await labels.status(before), labels.carrier.calls) == ("REQUESTED", [])
    await playbooks.ended(run)
    assert await labels.work(5) == 1
    assert await labels.status(before) == "BOUGHT"


async def test_packed_parcels_get_no_label_meanwhile(labels: LabelDesk) -> None:
    await labels.shop.publish(PolicyKind.FULFILLMENT, {"labelOnPack": True})
    playbooks = Playbooks(labels.shop)
    ends_at = labels.shop.clock.now + timedelta(hours=1)
    await playbooks.publish(MANUAL_LABELS=True)
    await playbooks.started(locations=("LEEDS",), ends_at=ends_at)
    warehouse = labels.warehouse
    for reference, expected in (("W-1", 0), ("W-2", 1)):
        parcel = await labels.parcel(reference)
        assert not (await warehouse.pick(parcel)).refusals
        assert not (await warehouse.pack(parcel)).refusals
        found = await rows(
            labels.database,
            "SELECT COUNT(*) AS number FROM shipping_label WHERE fulfillment_id = $1",
            parcel,
        )
        assert found[0]["number"] == expected
        labels.shop.clock.forward(hours=1)
