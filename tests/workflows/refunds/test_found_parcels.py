"""A lost parcel is refunded, then delivered: the refund is withdrawn, or recovered."""

from __future__ import annotations

import asyncio

import pytest

from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import FAILED, PENDING, open_refund_desk
from tests.builders.sales import Sales
from tests.builders.tampering import tamper
from tests.builders.transactions import counts, rows
from tests.builders.warehouse import Warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

NUMBER = "JD0001"
SECOND = "JD0002"

# The proof that a test below breaks.
BROKEN = "refunded losses that were delivered are recovered"


class Loss:
    """An order of two coats in one parcel, which the carrier lost."""

    def __init__(self, sales: Sales) -> None:
        self.sales, self.desk = sales, sales.refund_desk
        self.order = Outcome({})

    async def happen(self, paid: int | None = None) -> Loss:
        self.order = await self.sales.place(("COAT", 2, 5_000, 0), paid=paid)
        await self.sales.ship(self.order)
        await self.report("LOST")
        return self

    async def happen_in_two_parcels(self) -> Loss:
        """One coat each is sent in NUMBER and in SECOND; nothing is reported yet."""
        shop = self.desk.shop
        await shop.adjust(-19, "COAT")
        self.order = await self.sales.place(("COAT", 2, 5_000, 0))
        await self.sales.ship(self.order)
        await shop.receive(1, "COAT")
        [parcel] = [row for row in await shop.fulfillments(self.order) if row["status"] == "OPEN"]
        await shop.ship(parcel["id"], tracking_number=SECOND)
        return self

    async def report(self, status: str, number: str = NUMBER) -> None:
        self.desk.shop.clock.forward(hours=1)
        event = f"{number}-{status}"
        reported = await Warehouse(self.desk.shop).record_event(status, event, number=number)
        assert not reported.refusals

    async def claim(self, units: int) -> Outcome:
        [line] = await self.desk.shop.lines(self.order)
        return await self.sales.try_claim(self.order, (line["id"], units))

    async def recoveries(self) -> list[str]:
        assert await reconcile(self.desk.database) == []
        return await self.desk.open_exceptions("REFUND_RECOVERY")


@pytest.fixture
async def loss(database: Database) -> Loss:
    return await Loss(await Sales(await open_refund_desk(database)).open()).happen()


async def test_a_refund_that_was_paid_is_recovered_once(loss: Loss) -> None:
    claim = await loss.claim(2)
    await loss.sales.approve(claim)
    assert await loss.sales.refunded() == 10_000
    await loss.report("DELIVERED")
    named = [f"Refund:{loss.desk.id(claim)}"]
    assert await loss.recoveries() == named
    before = await counts(loss.desk.database, "operational_exception", "event", "journal_entry")
    await loss.report("DELIVERED")
    assert await counts(loss.desk.database, *before) == before
    assert await loss.recoveries() == named
    assert await loss.desk.status(claim) == "SUCCEEDED"


@pytest.mark.parametrize("is_approved", [True, False])
async def test_a_refund_that_was_not_sent_is_withdrawn(loss: Loss, is_approved: bool) -> None:
    claim = await loss.claim(2)
    if is_approved:
        await loss.sales.approve(claim)
    await loss.report("DELIVERED")
    assert await loss.desk.status(claim) == "CANCELLED"
    assert await loss.recoveries() == []
    refused = await loss.desk.approve(claim)
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    assert await loss.sales.refunded() == 0
    assert (await loss.sales.order_balances())["sales_net_of_returns"] == -10_000


async def test_a_refund_that_is_being_paid_is_recovered(loss: Loss) -> None:
    loss.desk.gateway.answers = [PENDING]
    claim = await loss.claim(2)
    await loss.sales.approve(claim)
    await loss.desk.pay()
    await loss.report("DELIVERED")
    assert await loss.recoveries() == [f"Refund:{loss.desk.id(claim)}"]
    await loss.desk.receive_webhook(claim, Told.FAILED)
    assert await loss.desk.status(claim) == "FAILED"
    assert not (await loss.desk.cancel(claim)).refusals
    assert await loss.recoveries() == []


async def test_the_delivery_that_comes_while_it_is_sent_is_recovered(loss: Loss) -> None:
    claim = await loss.claim(2)
    await loss.sales.approve(claim)

    async def deliver(_: str) -> None:
        await loss.report("DELIVERED")

    loss.desk.gateway.meanwhile = deliver
    assert await loss.sales.refunded() == 10_000
    assert await loss.recoveries() == [f"Refund:{loss.desk.id(claim)}"]


async def test_a_refused_payout_is_withdrawn(loss: Loss) -> None:
    loss.desk.gateway.answers = [FAILED]
    claim = await loss.claim(1)
    await loss.sales.approve(claim)
    await loss.desk.pay()
    await loss.report("DELIVERED")
    assert await loss.desk.status(claim) == "CANCELLED"
    assert await loss.recoveries() == []


async def test_a_debt_that_was_cancelled_for_the_loss_is_owed_again(database: Database) -> None:
    loss = await Loss(await Sales(await open_refund_desk(database)).open()).happen(paid=0)
    claim = await loss.claim(2)
    await loss.sales.approve(claim)
    assert await loss.sales.order_balances() == {}
    await loss.report("DELIVERED")
    assert await loss.desk.status(claim) == "REVERSED"
    assert (await loss.sales.order_balances())["receivables"] == 10_000
    assert await loss.recoveries() == []


async def test_an_amount_paid_since_the_loss_is_looked_at(loss: Loss) -> None:
    opened = await loss.sales.try_claim(loss.order, money=loss.sales.money(700))
    await loss.report("DELIVERED")
    assert await loss.desk.status(opened) == "NEEDS_APPROVAL"
    assert await loss.recoveries() == [f"Refund:{loss.desk.id(opened)}"]


async def test_other_refunds_stay(database: Database) -> None:
    loss = Loss(await Sales(await open_refund_desk(database)).open())
    loss.order = await loss.sales.place(("COAT", 2, 5_000, 0))
    await loss.sales.ship(loss.order)
    early = await loss.claim(1)
    await loss.report("LOST")
    await loss.report("DELIVERED")
    late = await loss.claim(1)
    assert [await loss.desk.status(each) for each in (early, late)] == ["NEEDS_APPROVAL"] * 2
    assert await loss.recoveries() == []


async def test_an_approval_and_the_delivery_at_once(loss: Loss) -> None:
    claim = await loss.claim(1)
    await asyncio.gather(loss.desk.approve(claim), loss.report("DELIVERED"))
    assert await loss.desk.status(claim) == "CANCELLED"
    assert await loss.sales.refunded() == 0
    assert await loss.recoveries() == []


async def test_the_payout_and_the_delivery_at_once(loss: Loss) -> None:
    claim = await loss.claim(1)
    await loss.sales.approve(claim)
    await asyncio.gather(loss.desk.pay(), loss.report("DELIVERED"))
    is_paid = await loss.desk.status(claim) == "SUCCEEDED"
    assert await loss.desk.status(claim) in ("SUCCEEDED", "CANCELLED")
    assert len(loss.desk.gateway.sent) == int(is_paid)
    assert await loss.recoveries() == [f"Refund:{loss.desk.id(claim)}"] * is_paid


async def test_a_recovery_that_was_never_opened_is_found(loss: Loss) -> None:
    await loss.sales.approve(await loss.claim(2))
    await loss.desk.pay()
    await loss.report("DELIVERED")
    await tamper(loss.desk.database.url, "DELETE FROM operational_exception")
    [found] = [each for each in await reconcile(loss.desk.database) if each.proof == BROKEN]
    assert found.found == "2 refunded units that were delivered"


async def test_a_refund_of_a_unit_in_another_parcel_stays(database: Database) -> None:
    sales = await Sales(await open_refund_desk(database)).open()
    loss = await Loss(sales).happen_in_two_parcels()
    await loss.report("LOST")
    for _ in range(2):
        await sales.approve(await loss.claim(1))
    await loss.report("DELIVERED")
    assert sorted(row["status"] for row in await loss.desk.refunds()) == ["APPROVED", "CANCELLED"]
    assert await loss.recoveries() == []
    assert await sales.refunded() == 5_000
    assert await loss.recoveries() == []


async def test_both_refunds_are_recovered_when_the_second_parcel_is_found(
    database: Database,
) -> None:
    """The first claim may be for either parcel until both are delivered."""
    loss = Loss(await Sales(await open_refund_desk(database)).open())
    await loss.happen_in_two_parcels()
    await loss.report("LOST")
    await loss.report("LOST", SECOND)
    claims = [await loss.claim(1)]
    await loss.sales.approve(claims[0])
    assert await loss.sales.refunded() == 5_000
    await loss.report("DELIVERED")
    assert await loss.recoveries() == []
    claims.append(await loss.claim(1))
    await loss.sales.approve(claims[1])
    assert await loss.sales.refunded() == 10_000
    await loss.report("DELIVERED", SECOND.lower())
    named = [f"Refund:{loss.desk.id(each)}" for each in claims]
    assert sorted(await loss.recoveries()) == sorted(named)


async def test_a_refund_is_asked_back_once_for_two_parcels(database: Database) -> None:
    loss = Loss(await Sales(await open_refund_desk(database)).open())
    await loss.happen_in_two_parcels()
    refunds = []
    for number in (NUMBER, SECOND):
        await loss.report("LOST", number)
        refunds.append(await loss.claim(1))
        await loss.sales.approve(refunds[-1])
        await loss.sales.refunded()
        await loss.report("DELIVERED", number)
        named = [f"Refund:{loss.desk.id(each)}" for each in refunds]
        assert sorted(await loss.recoveries()) == sorted(named)
    sql = "SELECT SUM(occurrences) AS times FROM operational_exception WHERE kind = $1"
    [row] = await rows(loss.desk.database, sql, "REFUND_RECOVERY")
    assert int(row["times"]) == 2
