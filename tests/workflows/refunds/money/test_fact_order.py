"""Random facts of an order, in two orders: once all units are undone, everything paid is back."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from random import Random
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database.database import Database
from tests.builders.catalog import a_channel
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales
from tests.builders.transactions import rows
from tests.databases import Databases
from workflows.catalog.channels import upsert
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

LONG = os.environ.get("RESTOW_LONG") == "1"
prices = st.integers(0, 50)
CASES = st.fixed_dictionaries(
    {
        "sold": st.tuples(st.integers(1, 3), prices, st.integers(0, 30)),
        "waiting": st.tuples(st.integers(1, 3), prices, st.integers(0, 30)),
        "discount": st.integers(0, 20),
        "shipping": st.integers(0, 9),
        "shipping_tax": st.integers(0, 3),
        "paid": st.sampled_from([0, 30, 77, 100, 100]),
        "channel": st.sampled_from([("web", "GBP"), ("tokyo", "JPY")]),
        "goodwill": st.lists(st.integers(1, 30), max_size=2),
        "outcomes": st.lists(st.sampled_from(["return", "claim"]), min_size=6, max_size=6),
        "late": st.integers(0, 3),
        "undone": st.booleans(),
        "seed": st.integers(0, 10**6),
    }
)


class Story:
    """One order and the facts that happen to it."""

    def __init__(self, sales: Sales, case: dict[str, Any]) -> None:
        self.sales, self.case = sales, case
        self.sold, self.waiting = case["sold"], case["waiting"]

    async def tell(self, facts: list[str]) -> tuple[int, Counter[str]]:
        """Place the order, let the facts happen; (refunded minor, balances by account)."""
        case = self.case
        channel, currency = case["channel"]
        sales = Sales(self.sales.refund_desk, currency)
        lines = (("TEE-S", *self.sold), ("TEE-L", *self.waiting))
        discount = min(case["discount"], *(units * price for _, units, price, _ in lines))
        total = sum(units * price - discount + tax for _, units, price, tax in lines)
        total += case["shipping"] + case["shipping_tax"]
        self.paid = total * case["paid"] // 100
        order = await sales.place(
            *lines,
            shipping=case["shipping"],
            shipping_tax=case["shipping_tax"],
            discount=discount,
            paid=self.paid,
            channel=channel,
            reference=uuid4().hex,
        )
        await sales.ship(order)
        for fact in facts:
            await self._happen(sales, order, fact)
        await sales.refunded()
        return await self._outcome(order)

    async def _happen(self, sales: Sales, order: Outcome, fact: str) -> None:
        shirts, tees = await sales.refund_desk.shop.lines(order)
        name, _, rest = fact.partition(" ")
        match name:
            case "return":
                await sales.take_back(order, rest)
            case "claim":
                line = shirts if rest == "TEE-S" else tees
                await sales.claim(order, (line["id"], 1))
            case "late":
                await sales.refund_desk.shop.receive(1, "TEE-L")
                await sales.ship(order)
                # In quarantine it serves no other order.
                await sales.take_back(order, "TEE-L", grade="DAMAGED")
            case "cancel":
                await sales.cancel(order, (tees["id"], 1))
            case "goodwill":
                # Refused if so much is not left; then it did not happen.
                asked = await sales.try_claim(order, money=sales.money(int(rest)))
                if not asked.refusals:
                    await sales.approve(asked)

    async def _outcome(self, order: Outcome) -> tuple[int, Counter[str]]:
        row = await self.sales.refund_desk.shop.order(order)
        found = await rows(
            self.sales.refund_desk.database,
            "SELECT l.account, SUM(l.debit_minor - l.credit_minor) AS balance FROM journal_line l"
            " JOIN journal_entry e ON e.id = l.entry_id WHERE e.reference = $1"
            " AND l.account NOT IN ('cost_of_goods_sold', 'inventory') GROUP BY l.account",
            row["number"],
        )
        balances: Counter[str] = Counter()
        for each in found:
            name = "sales" if each["account"] == "sales_returns" else each["account"]
            balances[name] += int(each["balance"])
        refunds = await self.sales.refund_desk.refunds(order)
        assert {refund["status"] for refund in refunds} <= {"SUCCEEDED"}
        return sum(each["amount_minor"] for each in refunds), balances


def facts_of(case: dict[str, Any]) -> list[str]:
    """The facts of a case, in no particular order."""
    outcomes: list[str] = list(case["outcomes"])
    units, waiting = case["sold"][0], case["waiting"][0]
    facts = [f"{outcomes[place]} TEE-S" for place in range(units)]
    late = min(case["late"], waiting)
    facts += ["late"] * late + ["cancel"] * (waiting - late)
    return facts + [f"goodwill {minor}" for minor in case["goodwill"]]


async def check(sales: Sales, case: dict[str, Any]) -> None:
    facts = facts_of(case)
    if not case["undone"]:
        facts = [each for each in facts[1:] if not each.startswith("goodwill")]
    random = Random(case["seed"])
    found = []
    for _ in range(2):
        random.shuffle(facts)
        story = Story(sales, case)
        refunded, balances = await story.tell(facts)
        found.append((refunded, {name: minor for name, minor in balances.items() if minor}))
        if case["undone"]:
            assert refunded == story.paid, facts
            assert not any(balances.values()), (facts, balances)
    assert found[0] == found[1]
    differences = await reconcile(sales.refund_desk.database)
    assert [str(each) for each in differences if "position" not in each.proof] == []


def test_the_same_facts_give_the_same_money(fresh_database: Databases, engine: str) -> None:
    """Every account of a wholly undone order is 0, and the refunds are what was paid."""
    with asyncio.Runner() as runner:

        async def start() -> Sales:
            database = Database(fresh_database())
            await database.open()
            sales = await Sales(await open_refund_desk(database)).open()
            shop = sales.refund_desk.shop
            channel = a_channel("tokyo", location_codes=("LEEDS",), currency_code="JPY")
            await shop.transactions.perform(upsert, channel)
            await shop.receive(10_000, "TEE-S")
            await shop.adjust(-20, "TEE-L")
            return sales

        sales = runner.run(start())
        ordinary = 10 if engine == "sqlite" else 5

        @settings(
            max_examples=400 if LONG else ordinary,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(CASES)
        def explore(case: dict[str, Any]) -> None:
            runner.run(check(sales, case))

        explore()
        runner.run(sales.refund_desk.database.close())
