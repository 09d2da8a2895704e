"""Returned units have the cost of the parcel in which they left; two parcels at 4.00 and 10.00."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.returns import Desk
from tests.builders.store import open_shop
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from tests.builders.warehouse import Warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

CHEAP, DEAR = "JD-CHEAP", "JD-DEAR"

# The proof that a test below breaks.
BROKEN = "units return without the cost of lost ones"


class Parcels:
    """An order of two shirts, sent in two parcels."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.order = desk, Outcome({})

    async def send(self) -> Parcels:
        shop = self.desk.shop
        await shop.receive(1, cost="4.00")
        self.order = await shop.place(("TEE-M", 2), backorder=True)
        for number, cost in ((CHEAP, None), (DEAR, "10.00")):
            if cost is not None:
                await shop.receive(1, cost=cost)
            parcels = await shop.fulfillments(self.order)
            parcel = next(each for each in parcels if each["status"] == "OPEN")
            sent = await shop.ship(parcel["id"], tracking_number=number)
            assert not sent.refusals
        return self

    async def report(self, status: str, number: str) -> None:
        self.desk.shop.clock.forward(hours=1)
        reported = await Warehouse(self.desk.shop).record_event(status, status, number=number)
        assert not reported.refusals

    async def take_back(self) -> int:
        """Receive one unit of a new return; its cost."""
        return await self.receive(await self.desk.request(self.order, ("TEE-M", 1)))

    async def receive(self, a_return: Outcome) -> int:
        self.desk.shop.clock.forward(hours=1)
        assert not (await self.desk.receive(a_return, ("TEE-M", 1))).refusals
        [group] = await self.desk.groups(a_return)
        return int(group["cost_minor"])

    async def cost_of_sales(self) -> tuple[int, int]:
        """(cost of goods sold, write-offs)."""
        assert await reconcile(self.desk.database) == []
        balances = await self.desk.balances()
        return balances.get("cost_of_goods_sold", 0), balances.get("write_offs", 0)


@pytest.fixture
async def parcels(database: Database) -> Parcels:
    return await Parcels(Desk(await open_shop(database))).send()


@pytest.mark.parametrize(("kept", "lost", "cost"), [(CHEAP, DEAR, 400), (DEAR, CHEAP, 1000)])
async def test_a_unit_beside_a_lost_one_keeps_its_cost(
    parcels: Parcels, kept: str, lost: str, cost: int
) -> None:
    await parcels.report("LOST", lost)
    assert await parcels.take_back() == cost
    assert await parcels.cost_of_sales() == (0, 1400 - cost)
    await parcels.report("DELIVERED", lost)
    assert await parcels.take_back() == 1400 - cost
    assert await parcels.cost_of_sales() == (0, 0)


async def test_a_unit_that_came_back_before_the_loss_has_the_same_cost(parcels: Parcels) -> None:
    await parcels.report("DELIVERED", CHEAP)
    assert await parcels.take_back() == 400
    await parcels.report("LOST", DEAR)
    assert await parcels.cost_of_sales() == (0, 1000)


async def test_a_lost_unit_that_comes_back_takes_its_own_cost(parcels: Parcels) -> None:
    returns = [await parcels.desk.request(parcels.order, ("TEE-M", 1)) for _ in range(2)]
    await parcels.report("LOST", DEAR)
    assert [await parcels.receive(each) for each in returns] == [400, 1000]


async def test_an_undelivered_parcel_comes_back_at_its_own_cost(parcels: Parcels) -> None:
    await parcels.report("DELIVERED", CHEAP)
    await parcels.report("RETURNED_TO_SENDER", DEAR)
    [row] = await rows(parcels.desk.database, "SELECT id FROM customer_return")
    assert await parcels.receive(Outcome({"return": str(row["id"])})) == 1000
    assert await parcels.take_back() == 400
    assert await parcels.cost_of_sales() == (0, 0)


async def test_an_undelivered_parcel_has_no_cost_that_came_back_before(parcels: Parcels) -> None:
    """The first unit comes back at the average, because nobody knows in which parcel it left."""
    assert await parcels.take_back() == 700
    await parcels.report("RETURNED_TO_SENDER", DEAR)
    [row] = await rows(
        parcels.desk.database, "SELECT id FROM customer_return WHERE tracking_number = $1", DEAR
    )
    assert await parcels.receive(Outcome({"return": str(row["id"])})) == 700
    assert await parcels.cost_of_sales() == (0, 0)


async def test_a_cost_that_was_averaged_with_a_lost_unit_is_found(parcels: Parcels) -> None:
    await parcels.report("LOST", DEAR)
    await parcels.take_back()
    await tamper(parcels.desk.database.url, "UPDATE return_item SET cost_minor = 700")
    [found] = [each for each in await reconcile(parcels.desk.database) if each.proof == BROKEN]
    assert (found.expected, found.found) == ("at most 400", "700")
