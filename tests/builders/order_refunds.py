"""Facts about the refunds of one order, by name: they are opened, paid, retried and withdrawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from domain.ledger.accounts import Account
from domain.policies.refunds import Tender
from domain.refunds.states import WITHDRAWN, RefundStatus
from integrations.errors import IntegrationTimeout
from integrations.payments.gateway import PaymentEventType as Told
from tests.builders.refunds import FAILED, SUCCEEDED, Answer
from tests.builders.sales import Sales
from tests.builders.transactions import rows
from workflows.transactions.outcomes import Outcome

# Accounts of goods: their balances follow from units, not from the order's money.
GOODS: Final = frozenset(
    {
        Account.INVENTORY,
        Account.INVENTORY_IN_QUALITY_CONTROL,
        Account.COST_OF_GOODS_SOLD,
        Account.WRITE_OFFS,
        Account.RECOVERABLE_FROM_VENDORS,
        Account.INVENTORY_ADJUSTMENTS,
    }
)


@dataclass(frozen=True, slots=True)
class OrderRefunds:
    """The refunds of one order."""

    sales: Sales
    order: Outcome

    async def all(self, *statuses: str) -> list[dict[str, Any]]:
        """Refunds in one of these states, or all, oldest first."""
        found = await self.sales.refund_desk.refunds(self.order)
        return [each for each in found if not statuses or each["status"] in statuses]

    async def claim(self, *lines: tuple[object, int]) -> bool:
        """Refund units that do not come back."""
        return await self._approved(await self.sales.try_claim(self.order, *lines))

    async def shipping(self) -> bool:
        """Refund the shipping that is left."""
        return await self._approved(await self.sales.try_claim(self.order, shipping=True))

    async def goodwill(self, minor: str, tender: str = Tender.ORIGINAL_PAYMENT) -> bool:
        """Refund an amount."""
        money = self.sales.money(int(minor))
        desk = self.sales.refund_desk
        asked = await desk.create(self.order, "", money=money, tender=Tender(tender))
        return await self._approved(asked)

    async def _approved(self, asked: Outcome) -> bool:
        if not asked.refusals:
            await self.sales.approve(asked)
        return not asked.refusals

    async def pay(self, answer: Answer = SUCCEEDED) -> bool:
        """The payout job runs once, and the gateway gives this answer."""
        desk = self.sales.refund_desk
        desk.gateway.answers = [answer]
        await desk.pay()
        return True

    async def decline(self) -> bool:
        """The gateway refuses what is to be paid."""
        return await self.pay(FAILED)

    async def silence(self) -> bool:
        """The gateway does not answer."""
        return await self.pay(IntegrationTimeout("silent"))

    async def retry(self) -> bool:
        for refund in await self.all("FAILED"):
            assert not (await self.sales.refund_desk.retry(refund)).refusals
        return True

    async def settle(self, finding: str) -> bool:
        """A person finds that unknown payouts were paid, or not."""
        for refund in await self.all("UNKNOWN"):
            is_paid = finding == "paid"
            settled = await self.sales.refund_desk.settle(refund, succeeded=is_paid)
            assert not settled.refusals, settled.refusals
        return True

    async def withdraw(self) -> bool:
        """A person cancels the newest refund that was not paid."""
        found = await self.all("APPROVED", "FAILED")
        for refund in found[-1:]:
            assert not (await self.sales.refund_desk.cancel(refund)).refusals
        return bool(found)

    async def reverse(self) -> bool:
        """The bank returns the newest refund."""
        desk = self.sales.refund_desk
        found = [each for each in await self.all("SUCCEEDED") if await desk.attempts(each)]
        for refund in found[-1:]:
            await desk.receive_webhook(refund, Told.REVERSED, uuid4().hex)
        return bool(found)

    async def finish(self) -> None:
        """Pay everything that is open."""
        await self.pay()
        await self.settle("paid")
        await self.retry()
        await self.pay()
        live = [each for each in await self.all() if RefundStatus(each["status"]) not in WITHDRAWN]
        assert {each["status"] for each in live} <= {"SUCCEEDED"}

    async def refunded_minor(self) -> int:
        return sum(int(each["amount_minor"]) for each in await self.all("SUCCEEDED"))

    async def kept_minor(self) -> int:
        """Deductions and fees of the refunds that succeeded."""
        sql = (
            "SELECT COALESCE(SUM(u.net_kept_minor + u.tax_kept_minor), 0) AS kept"
            " FROM refund_unit u JOIN refund r ON r.id = u.refund_id"
            " WHERE r.order_id = $1 AND r.status = 'SUCCEEDED'"
        )
        [row] = await rows(self.sales.refund_desk.database, sql, UUID(self.order.refs["order"]))
        fees = [int(each["fee_minor"]) for each in await self.all("SUCCEEDED")]
        return int(row["kept"]) + sum(fees)

    async def money(self) -> tuple[int, dict[str, int]]:
        """The amount refunded, and the accounts that are not 0."""
        return await self.refunded_minor(), await self.balances()

    async def balances(self) -> dict[str, int]:
        """Accounts of the order's money that are not 0; store credit is money paid, too."""
        number = (await self.sales.refund_desk.shop.order(self.order))["number"]
        found = await rows(
            self.sales.refund_desk.database,
            "SELECT l.account, SUM(l.debit_minor - l.credit_minor) AS balance FROM journal_line l"
            " JOIN journal_entry e ON e.id = l.entry_id WHERE e.reference = $1 GROUP BY l.account",
            number,
        )
        same = {"sales_returns": "sales", "store_credit_liability": "payments_clearing"}
        balances: Counter[str] = Counter()
        for each in found:
            if each["account"] not in GOODS:
                balances[same.get(each["account"], each["account"])] += int(each["balance"])
        return {name: minor for name, minor in balances.items() if minor}


# Facts about refunds by name, with the arguments that follow it.
REFUND_FACTS: Final[Mapping[str, Callable[..., Awaitable[bool]]]] = {
    "shipping": OrderRefunds.shipping,
    "goodwill": OrderRefunds.goodwill,
    "pay": OrderRefunds.pay,
    "decline": OrderRefunds.decline,
    "silence": OrderRefunds.silence,
    "retry": OrderRefunds.retry,
    "settle": OrderRefunds.settle,
    "withdraw": OrderRefunds.withdraw,
    "reverse": OrderRefunds.reverse,
}
