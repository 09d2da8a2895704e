"""Denial of inventory: callers without a key cannot hold most units of a SKU, however many ask."""

import asyncio
import os

import pytest

from domain.access.callers import Caller, anonymous
from models.database.database import Database
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import codes

REQUESTS = 10_000 if os.environ.get("RESTOW_LONG") == "1" else 600
AT_ONCE = 200
UNITS = 400
LEFT_MIN = UNITS * 75 // 100


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = await open_shop(database)
    await shop.receive(UNITS)
    return shop


WEB = frozenset({"web"})
LIMIT = ("LIMIT_EXCEEDED", ("input", "lines", "0", "quantity"))


def customer(number: int) -> Caller:
    return anonymous(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}", WEB)


@pytest.mark.parametrize("units", [1, 7])
async def test_anonymous_holds_leave_three_quarters_for_sale(shop: Shop, units: int) -> None:
    refusals = set()
    for start in range(0, REQUESTS, AT_ONCE):
        outcomes = await asyncio.gather(
            *(
                shop.hold(("TEE-M", units), by=customer(number))
                for number in range(start, start + AT_ONCE)
            )
        )
        for outcome in outcomes:
            refusals.update(codes(outcome))
    assert refusals == {LIMIT}
    level = await shop.level()
    assert level["available"] >= LEFT_MIN
    assert level["available"] < LEFT_MIN + units  # they got what they may have
    assert level["available"] + level["held"] == UNITS
    assert not (await shop.hold(("TEE-M", level["available"]))).refusals  # with a key


async def test_one_address_holds_little(shop: Shop) -> None:
    outcomes = await asyncio.gather(
        *(shop.hold(("TEE-M", 3), by=customer(1)) for _ in range(AT_ONCE))
    )
    assert sum(not outcome.refusals for outcome in outcomes) == 5
    assert {code for outcome in outcomes for code in codes(outcome)} == {("LIMIT_EXCEEDED", ())}
    assert (await shop.level())["held"] == 15
