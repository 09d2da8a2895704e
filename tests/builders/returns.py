"""Return operations for tests: actions of customers, clerks and inspectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.exceptions.handling
import workflows.returns.authorizations
import workflows.returns.dispositions
import workflows.returns.expiry
import workflows.returns.inspections
import workflows.returns.parcel_dispositions
import workflows.returns.receipts
import workflows.returns.requests
import workflows.returns.tracking
from domain.access.callers import Caller, Role, holder
from domain.policies.dispositions import ConditionGrade, Disposition
from models.database.database import Database
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import rows
from workflows.exceptions.handling import ResolveException
from workflows.returns.authorizations import AuthorizeReturn, CancelReturn, DeclineReturn
from workflows.returns.dispositions import DisposeReturnItem
from workflows.returns.inspections import Finding, InspectReturn
from workflows.returns.parcel_dispositions import DisposeUnidentified
from workflows.returns.receipts import ReceivedItem, ReceiveReturn
from workflows.returns.requests import RequestedItem, RequestReturn
from workflows.returns.tracking import SetTracking
from workflows.transactions.outcomes import Outcome, Request

SUPPORT = holder(Role.SUPPORT, actor="susan")
BOSS = holder(Role.SUPERVISOR, actor="boss")
INSPECTOR = holder(Role.WAREHOUSE, actor="ivy")
SECOND = holder(Role.WAREHOUSE, actor="ike")


@dataclass
class Desk:
    """Return operations on a test's database; `shop` is the store that sold the goods."""

    shop: Shop

    @property
    def database(self) -> Database:
        return self.shop.database

    async def _do(self, action: Any, command: Any, by: Caller, key: str | None = None) -> Outcome:
        return await self.shop.transactions.perform(action, Request(command, by, key))

    async def sold(self, *lines: tuple[str, int], reference: str = "W-1", **facts: Any) -> Outcome:
        """Place an order and ship all of it."""
        order = await self.shop.place(*lines, reference=reference, **facts)
        assert not order.refusals, order.refusals
        for parcel in await self.shop.fulfillments(order):
            assert not (await self.shop.ship(parcel["id"])).refusals
        return order

    async def request(
        self,
        order: Outcome,
        *items: tuple[str, int],
        reason: str = "UNWANTED",
        by: Caller = SUPPORT,
        **facts: Any,
    ) -> Outcome:
        evidence = facts.pop("evidence", ())
        requested = tuple(
            RequestedItem(units, reason, sku=sku, evidence=evidence) for sku, units in items
        )
        command = RequestReturn(requested, UUID(order.refs["order"]), **facts)
        return await self._do(workflows.returns.requests.request, command, by)

    async def requested(self, *items: tuple[str, int], **facts: Any) -> Outcome:
        """Request a return of all units of a new order; `payments` are the order's payments."""
        paid = {"payments": facts.pop("payments")} if "payments" in facts else {}
        order = await self.sold(*items, reference=facts.pop("reference", "W-1"), **paid)
        outcome = await self.request(order, *items, **facts)
        assert not outcome.refusals, outcome.refusals
        return outcome

    async def authorize(
        self, a_return: Outcome, note: str | None = None, by: Caller = SUPPORT
    ) -> Outcome:
        command = AuthorizeReturn(self.id(a_return), note)
        return await self._do(workflows.returns.authorizations.authorize, command, by)

    async def decline(
        self, a_return: Outcome, reason: str = "NO_EVIDENCE", by: Caller = SUPPORT
    ) -> Outcome:
        command = DeclineReturn(self.id(a_return), reason)
        return await self._do(workflows.returns.authorizations.decline, command, by)

    async def cancel(self, a_return: Outcome, by: Caller = SUPPORT) -> Outcome:
        command = CancelReturn(self.id(a_return))
        return await self._do(workflows.returns.authorizations.cancel, command, by)

    async def track(
        self, a_return: Outcome, number: str = "JD-BACK-1", by: Caller = SUPPORT
    ) -> Outcome:
        command = SetTracking(self.id(a_return), "DHL", number)
        return await self._do(workflows.returns.tracking.set_tracking, command, by)

    async def receive(
        self,
        a_return: Outcome | None,
        *items: tuple[str, int] | tuple[str, int, UUID],
        at: str = "LEEDS",
        by: Caller = INSPECTOR,
        **facts: Any,
    ) -> Outcome:
        came = tuple(ReceivedItem(*item) for item in items)
        named = None if a_return is None else self.id(a_return)
        command = ReceiveReturn(at, came, named, **facts)
        return await self._do(workflows.returns.receipts.receive, command, by)

    async def inspect(
        self,
        a_return: Outcome,
        *findings: tuple[UUID, int, str],
        by: Caller = INSPECTOR,
        **facts: Any,
    ) -> Outcome:
        found = tuple(
            Finding(group, units, ConditionGrade(grade), **facts)
            for group, units, grade in findings
        )
        command = InspectReturn(self.id(a_return), found)
        return await self._do(workflows.returns.inspections.inspect, command, by)

    async def dispose(
        self,
        group: UUID,
        units: int,
        disposition: str,
        by: Caller = INSPECTOR,
    ) -> Outcome:
        command = DisposeReturnItem(group, units, Disposition(disposition))
        return await self._do(workflows.returns.dispositions.dispose, command, by)

    async def dispose_unidentified(
        self,
        received: Outcome,
        units: int,
        disposition: str,
        by: Caller = INSPECTOR,
        sku: str = "TEE-M",
    ) -> Outcome:
        """Dispose of units of the quarantined parcel that `received` opened an exception for."""
        exception_id = UUID(received.refs["exception"])
        command = DisposeUnidentified(exception_id, sku, units, Disposition(disposition), "Why.")
        return await self._do(workflows.returns.parcel_dispositions.dispose, command, by)

    async def resolve(self, received: Outcome, by: Caller = INSPECTOR) -> Outcome:
        """Resolve the exception that `received` opened."""
        command = ResolveException(UUID(received.refs["exception"]), "Done.")
        return await self._do(workflows.exceptions.handling.resolve, command, by)

    async def expire(self) -> int:
        return await workflows.returns.expiry.expire_returns(self.shop.transactions)

    @staticmethod
    def id(a_return: Outcome) -> UUID:
        return UUID(str(a_return.refs["return"]))

    async def find(self, a_return: Outcome) -> dict[str, Any]:
        sql = "SELECT * FROM customer_return WHERE id = $1"
        return (await rows(self.database, sql, self.id(a_return)))[0]

    async def status(self, a_return: Outcome) -> str:
        return str((await self.find(a_return))["status"])

    async def groups(self, a_return: Outcome) -> list[dict[str, Any]]:
        """Return items of a return, in the order of their creation."""
        sql = (
            "SELECT t.*, i.sku FROM return_item t JOIN item i ON i.id = t.item_id"
            " WHERE t.return_id = $1 ORDER BY t.position"
        )
        return await rows(self.database, sql, self.id(a_return))

    async def units(self, a_return: Outcome) -> list[tuple[str, int, str]]:
        """(sku, units, state) of each return item."""
        return [
            (group["sku"], group["quantity"], group["state"])
            for group in await self.groups(a_return)
        ]

    async def exceptions(self) -> list[tuple[str, str, int]]:
        """(kind, status, occurrences) of every exception, oldest first."""
        sql = "SELECT kind, status, occurrences FROM operational_exception ORDER BY opened_at, id"
        found = await rows(self.database, sql)
        return [(row["kind"], row["status"], row["occurrences"]) for row in found]

    async def balances(self) -> dict[str, int]:
        """Debit minus credit per account, in pence; zero balances are left out."""
        found = await rows(
            self.database,
            "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
            " GROUP BY account",
        )
        return {row["account"]: int(row["balance"]) for row in found if row["balance"]}


async def open_return_desk(database: Database, stock: int = 20) -> Desk:
    """Create the store with `stock` units of each item in Leeds."""
    shop = await open_shop(database)
    for sku in ("TEE-S", "TEE-M", "TEE-L", "COAT"):
        await shop.receive(stock, sku)
    return Desk(shop)
