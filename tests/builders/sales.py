"""Orders with exact prices, tax and shipping, and what becomes of their units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.orders.placement
import workflows.refunds.refunds
from domain.policies.policies import PolicyKind
from domain.values.money import Money
from tests.builders.refunds import CLERK, FIONA, FRED, RefundDesk
from tests.builders.store import ADMIN
from tests.builders.transactions import rows
from workflows.orders.commands import NewLine, Payment, PlaceOrder
from workflows.refunds.refunds import CreateRefund
from workflows.refunds.unit_claims import RefundLine
from workflows.transactions.outcomes import Outcome, Request

FREE = {
    "evidence": ["INSPECTED"],
    "deductions": {"USED": 0.2},
    "bands": {"GBP": [{"upTo": None, "approvers": 0}], "JPY": [{"upTo": None, "approvers": 0}]},
}
# Accounts that an order's money passes through; all 0 once the order is undone and settled.
ORDER_ACCOUNTS = frozenset(
    {
        "receivables",
        "customer_deposits",
        "refund_liability",
        "payments_clearing",
        "tax_payable",
        "shipping_income",
        "sales_net_of_returns",
    }
)


@dataclass
class Sales:
    """Sells, sends, cancels and takes back in a store whose refunds need no approval."""

    refund_desk: RefundDesk
    currency: str = "GBP"

    async def open(self, **rules: Any) -> Sales:
        await self.refund_desk.shop.publish(PolicyKind.REFUND, {**FREE, **rules})
        return self

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    async def place(
        self,
        *lines: tuple[str, int, int, int],
        shipping: int = 0,
        shipping_tax: int = 0,
        paid: int | tuple[int, ...] | None = None,
        channel: str = "web",
        reference: str = "W-1",
        discount: int = 0,
    ) -> Outcome:
        """Place an order of (sku, units, price of one, tax of the line).

        `paid`: the amount of one payment, or of several; None: paid in full.

        The discount is of every line.
        """
        new = tuple(
            NewLine(sku, units, self.money(price), self.money(discount), self.money(tax))
            for sku, units, price, tax in lines
        )
        payments = None
        if paid is not None:
            amounts = paid if isinstance(paid, tuple) else (paid,)
            payments = tuple(
                Payment(f"card-{place}", self.money(minor))
                for place, minor in enumerate(amounts)
                if minor
            )
        command = PlaceOrder(
            channel=channel,
            external_reference=reference,
            lines=new,
            shipping=self.money(shipping),
            shipping_tax=self.money(shipping_tax),
            payments=payments,
            backorder=True,
        )
        outcome = await self.refund_desk.shop.transactions.perform(
            workflows.orders.placement.place, Request(command, ADMIN)
        )
        assert not outcome.refusals, outcome.refusals
        return outcome

    async def ship(self, order: Outcome) -> None:
        """Ship every parcel that waits."""
        self.refund_desk.shop.clock.forward(seconds=1)
        for parcel in await self.refund_desk.shop.fulfillments(order):
            if parcel["status"] == "OPEN":
                assert not (await self.refund_desk.shop.ship(parcel["id"])).refusals

    async def cancel(self, order: Outcome, *lines: tuple[str, int]) -> None:
        self.refund_desk.shop.clock.forward(seconds=1)
        outcome = await self.refund_desk.shop.cancel(order, *lines)
        assert not outcome.refusals, outcome.refusals

    async def take_back(
        self, order: Outcome, sku: str, units: int = 1, grade: str = "NEW"
    ) -> Outcome:
        """Return units of a SKU, received and inspected with one grade."""
        desk = self.refund_desk.desk
        self.refund_desk.shop.clock.forward(seconds=1)
        a_return = await desk.request(order, (sku, units))
        assert not a_return.refusals, a_return.refusals
        received = await desk.receive(a_return, (sku, units))
        assert not received.refusals, received.refusals
        [group] = await desk.groups(a_return)
        found = await desk.inspect(a_return, (group["id"], units, grade))
        assert not found.refusals, found.refusals
        return a_return

    async def try_claim(
        self,
        order: Outcome,
        *lines: tuple[object, int],
        shipping: bool = False,
        money: Money | None = None,
    ) -> Outcome:
        """Ask for a refund of units that do not come back, of shipping, or of an amount."""
        self.refund_desk.shop.clock.forward(seconds=1)
        command = CreateRefund(
            UUID(order.refs["order"]),
            money,
            "OTHER",
            "Never arrived.",
            lines=tuple(RefundLine(UUID(str(line)), units) for line, units in lines),
            shipping=shipping,
        )
        return await self.refund_desk.shop.transactions.perform(
            workflows.refunds.refunds.create, Request(command, CLERK)
        )

    async def claim(
        self, order: Outcome, *lines: tuple[object, int], shipping: bool = False
    ) -> None:
        """Refund units that do not come back, with the approvals that it needs."""
        await self.approve(await self.try_claim(order, *lines, shipping=shipping))

    async def goodwill(self, order: Outcome, minor: int) -> None:
        await self.approve(await self.try_claim(order, money=self.money(minor)))

    async def approve(self, opened: Outcome) -> None:
        assert not opened.refusals, opened.refusals
        for refund in opened.refs["refunds"]:
            for approver in (FIONA, FRED):
                if (await self.refund_desk.status(UUID(refund))) == "NEEDS_APPROVAL":
                    await self.refund_desk.approve(UUID(refund), by=approver)

    async def refunded(self) -> int:
        """Total of the refunds that succeeded, in minor units, after all are paid."""
        await self.refund_desk.pay()
        found = await self.refund_desk.refunds()
        return sum(each["amount_minor"] for each in found if each["status"] == "SUCCEEDED")

    async def amounts(self) -> list[tuple[int, str]]:
        """(amount, status) of every refund, oldest first, after all are paid."""
        await self.refund_desk.pay()
        found = await self.refund_desk.refunds()
        return [(each["amount_minor"], each["status"]) for each in found]

    async def parts(self) -> list[tuple[int, int, int, int, int]]:
        """(goods, tax, shipping, tax on shipping, unpaid) of every refund, oldest first."""
        return [
            (
                row["items_minor"],
                row["tax_minor"],
                row["shipping_minor"],
                row["shipping_tax_minor"],
                row["unpaid_minor"],
            )
            for row in await self.refund_desk.refunds()
        ]

    async def order_balances(self) -> dict[str, int]:
        """Accounts of orders that are not 0; sales and sales returns as one."""
        found = await rows(
            self.refund_desk.database,
            "SELECT CASE WHEN account IN ('sales', 'sales_returns') THEN 'sales_net_of_returns'"
            " ELSE account END AS name, SUM(debit_minor) - SUM(credit_minor) AS balance"
            " FROM journal_line GROUP BY name",
        )
        return {
            row["name"]: int(row["balance"])
            for row in found
            if row["name"] in ORDER_ACCOUNTS and row["balance"]
        }
