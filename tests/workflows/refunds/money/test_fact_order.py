"""Random facts of an order, in two orders: once all units are undone, everything paid is back.

RESTOW_LONG=1 tries 2,000 orders on SQLite and 500 on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from random import Random
from uuid import uuid4

from hypothesis import HealthCheck, given, settings

import workflows.orders.placement
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_channel
from tests.builders.order_facts import OrderFacts
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales
from tests.builders.store import ADMIN, SKUS
from tests.databases import Databases
from tests.workflows.refunds.money.fact_cases import CASES, CHANNELS, Case, shuffled
from workflows.catalog.channels import upsert
from workflows.ledger.reconciliation import reconcile
from workflows.orders.commands import NewLine, Payment, PlaceOrder
from workflows.transactions.outcomes import Request

LONG = os.environ.get("RESTOW_LONG") == "1"
EXAMPLES = {"sqlite": 2_000 if LONG else 10, "postgres": 500 if LONG else 4}
# The amount refunded, and the accounts that are not 0.
Money = tuple[int, dict[str, int]]
# Facts that another order makes into other facts: they concern the newest refund or unit.
TIMED = {"withdraw", "reverse", "resend"}
# Orders of one database: proofs read all of them after each example.
ORDERS_MAX = 20


@dataclass
class Stage:
    """A store for the orders of some examples; a new one replaces it after ORDERS_MAX orders."""

    fresh: Databases
    sales: Sales | None = None
    orders: int = 0

    async def open(self) -> Sales:
        self.orders += 1
        if self.sales is None or self.orders > ORDERS_MAX:
            await self.close()
            database = Database(self.fresh())
            await database.open()
            self.sales, self.orders = Sales(await open_refund_desk(database)), 1
            for code, currency in CHANNELS:
                channel = a_channel(code, location_codes=("LEEDS",), currency_code=currency)
                await self.sales.refund_desk.shop.transactions.perform(upsert, channel)
        return self.sales

    async def close(self) -> None:
        if self.sales is not None:
            database, self.sales = self.sales.refund_desk.database, None
            await database.close()
            self.fresh.give_back(database.url)


async def place(stage: Stage, case: Case) -> OrderFacts:
    """The order of a case. Its units in stock are the only ones."""
    code, currency = CHANNELS[case.channel]
    sales = Sales((await stage.open()).refund_desk, currency)
    shop, reference = sales.refund_desk.shop, uuid4().hex
    shop.clock.forward(seconds=1)
    await shop.publish(PolicyKind.REFUND, case.rules)
    lines = []
    for sku, line in zip(SKUS, case.lines, strict=False):
        missing = len(line.now) - (await shop.level(sku, "LEEDS")).get("available", 0)
        if missing:
            assert not (await shop.adjust(missing, sku)).refusals
        amounts = (sales.money(line.price), sales.money(line.off), sales.money(line.tax))
        lines.append(NewLine(sku, line.units, *amounts))
    command = PlaceOrder(
        channel=code,
        external_reference=reference,
        lines=tuple(lines),
        shipping=sales.money(case.shipping),
        shipping_tax=sales.money(case.shipping_tax),
        payments=tuple(
            Payment(f"card-{place}", sales.money(minor))
            for place, minor in enumerate(case.payments)
        ),
        backorder=True,
    )
    order = await shop.transactions.perform(
        workflows.orders.placement.place, Request(command, ADMIN)
    )
    assert not order.refusals, order.refusals
    first = [{"id": each["id"]} for each in await shop.fulfillments(order)]
    return OrderFacts(sales, order, reference, first)


async def tell(stage: Stage, case: Case, facts: list[str]) -> tuple[Counter[str], Money]:
    """Let the facts happen. Returns those that were not refused, and the order's money."""
    story = await place(stage, case)
    for fact in facts:
        await story.happen(fact)
    if case.is_undone:
        await story.undo_the_rest()
    await story.refunds.finish()
    if case.is_undone:
        await check_undone(story, sum(case.payments))
    return Counter(story.happened), await story.refunds.money()


async def check_undone(story: OrderFacts, paid: int) -> None:
    """Everything paid is back, and all accounts are 0, apart from deductions and fees."""
    refunds = story.refunds
    missing = paid - await refunds.kept_minor() - await refunds.refunded_minor()
    if missing > 0 and {"withdraw", "reverse"} & {*story.happened}:
        # Nobody refunds by itself what a person withdrew from a cancellation's refund.
        assert await refunds.goodwill(str(missing))
        await refunds.finish()
    kept, (refunded, balances) = await refunds.kept_minor(), await refunds.money()
    assert max(0, paid - kept) <= refunded <= paid, story.happened
    if not any(fact.startswith("goodwill") for fact in story.happened):
        assert refunded == max(0, paid - kept), story.happened
    if not kept:
        assert balances == {}, story.happened


def compare(facts: Counter[str], money: Money, other: Money) -> None:
    """The same facts gave the same money in two orders."""
    if any(fact.startswith("goodwill") for fact in facts):
        # It is split over what is left of goods, tax and shipping: with deductions or a fee, the
        # parts that it leaves to later refunds depend on when it is given.
        return
    assert money == other, (facts, money, other)


async def check(stage: Stage, case: Case) -> None:
    random = Random(case.seed)
    (happened, money), (also_happened, other_money) = [
        await tell(stage, case, shuffled(case, random)) for _ in range(2)
    ]
    if happened == also_happened and not happened.keys() & TIMED:
        compare(happened, money, other_money)
    assert stage.sales is not None
    differences = await reconcile(stage.sales.refund_desk.database)
    assert [str(each) for each in differences if "position" not in each.proof] == []


def test_the_same_facts_give_the_same_money(fresh_database: Databases, engine: str) -> None:
    """Every account of a wholly undone order is 0, and the refunds are what was paid."""
    with asyncio.Runner() as runner:
        stage = Stage(fresh_database)

        @settings(
            max_examples=EXAMPLES[engine],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(CASES)
        def explore(case: Case) -> None:
            try:
                runner.run(check(stage, case))
            except BaseException:
                # The next case must not find the difference of this one again.
                runner.run(stage.close())
                raise

        try:
            explore()
        finally:
            runner.run(stage.close())
