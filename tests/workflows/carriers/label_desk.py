"""Shipping labels for tests: a carrier that answers as the test says, and the label operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import workflows.carriers.label_requests
from domain.access.callers import Caller
from domain.values.money import Money
from integrations.carriers.carrier import (
    LabelOrder,
    Purchase,
    PurchaseStatus,
    VoidAnswer,
    VoidStatus,
)
from integrations.errors import IntegrationError
from models.database.database import Database
from tests.builders.returns import Desk
from tests.builders.store import ADMIN, Shop
from tests.builders.transactions import rows
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.carriers.commands import BuyLabel, VoidLabel
from workflows.carriers.label_purchases import LabelPurchases
from workflows.transactions.outcomes import Outcome, Request

FAILED = Purchase(PurchaseStatus.FAILED, reason="address_not_served")
VOIDED = VoidAnswer(VoidStatus.VOIDED)
REFUSED = VoidAnswer(VoidStatus.REFUSED, "already_scanned")


def bought(number: str, minor: int = 395, document: str | None = "XlhBXlha") -> Purchase:
    """The answer of a carrier that sold the label with this tracking number."""
    cost = Money(minor, "GBP")
    return Purchase(PurchaseStatus.BOUGHT, f"c-{number}", number, cost, document)


@dataclass
class ScriptedCarrier:
    """A carrier whose next answers a test sets. Empty: it sells each key once, as SIM1, SIM2, …

    `silent_after`: it sells the label and does not answer.
    """

    buys: list[Purchase | IntegrationError] = field(default_factory=list)
    voids: list[VoidAnswer | IntegrationError] = field(default_factory=list)
    look_ups: list[IntegrationError] = field(default_factory=list)
    silent_after: list[IntegrationError] = field(default_factory=list)
    sold: dict[str, Purchase] = field(default_factory=dict)
    orders: list[LabelOrder] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    voided: set[str] = field(default_factory=set)

    async def buy(self, label: LabelOrder) -> Purchase:
        self.calls.append("buy")
        self.orders.append(label)
        if self.buys:
            answer = self.buys.pop(0)
            if isinstance(answer, IntegrationError):
                raise answer
            self.sold.setdefault(label.key, answer)
        self.sold.setdefault(label.key, bought(f"SIM{len(self.sold) + 1}"))
        if self.silent_after:
            raise self.silent_after.pop(0)
        return self.sold[label.key]

    async def look_up(self, key: str) -> Purchase | None:
        self.calls.append("look_up")
        if self.look_ups:
            raise self.look_ups.pop(0)
        return self.sold.get(key)

    async def void(self, label_id: str) -> VoidAnswer:
        self.calls.append("void")
        answer = self.voids.pop(0) if self.voids else VOIDED
        if isinstance(answer, IntegrationError):
            raise answer
        if answer is VOIDED:
            self.voided.add(label_id)
        return answer

    async def probe(self) -> None:
        self.calls.append("probe")
        if self.look_ups:
            raise self.look_ups.pop(0)

    async def close(self) -> None:
        """It has no connections."""


@dataclass
class LabelDesk:
    """Operations on the labels of a test's store, whose carrier is called `simulator`."""

    warehouse: Warehouse
    carrier: ScriptedCarrier
    worker: LabelPurchases

    @property
    def shop(self) -> Shop:
        return self.warehouse.shop

    @property
    def returns(self) -> Desk:
        return Desk(self.shop)

    @property
    def database(self) -> Database:
        return self.shop.database

    async def parcel(self, reference: str = "W-1", units: int = 1) -> UUID:
        """An open fulfillment of a new order; its id."""
        placed = await self.shop.place(("TEE-M", units), reference=reference)
        assert not placed.refusals, placed.refusals
        [found] = await self.shop.fulfillments(placed)
        return UUID(str(found["id"]))

    async def buy(
        self, subject: object, kind: str = "Fulfillment", by: Caller = ADMIN, **facts: Any
    ) -> Outcome:
        command = BuyLabel((kind, UUID(str(subject))), **facts)
        action = workflows.carriers.label_requests.buy
        return await self.shop.transactions.perform(action, Request(command, by))

    async def void(self, label: Outcome, by: Caller = ADMIN, note: str | None = None) -> Outcome:
        command = VoidLabel(UUID(label.refs["label"]), note)
        action = workflows.carriers.label_requests.void
        return await self.shop.transactions.perform(action, Request(command, by))

    async def find(self, label: Outcome) -> dict[str, Any]:
        """The row of a label."""
        sql = "SELECT * FROM shipping_label WHERE id = $1"
        [row] = await rows(self.database, sql, UUID(label.refs["label"]))
        return row

    async def status(self, label: Outcome) -> str:
        return str((await self.find(label))["status"])

    async def fulfillment(self, key: UUID) -> dict[str, Any]:
        """The row of a fulfillment."""
        [row] = await rows(self.database, "SELECT * FROM fulfillment WHERE id = $1", key)
        return row

    async def work(self, seconds: float = 0) -> int:
        """Move the clock and let a worker do what is due."""
        self.shop.clock.forward(seconds=seconds)
        return await self.worker.work()

    async def owed(self) -> int:
        """The balance of carrier payables in minor units."""
        [row] = await rows(
            self.database,
            "SELECT COALESCE(SUM(credit_minor - debit_minor), 0) AS owed FROM journal_line"
            " WHERE account = 'carrier_payables'",
        )
        return int(row["owed"])


async def open_label_desk(database: Database) -> LabelDesk:
    """Create the store with stock, and a worker for its labels."""
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(50)
    carrier = ScriptedCarrier()
    worker = LabelPurchases(warehouse.shop.transactions, {"simulator": carrier})
    return LabelDesk(warehouse, carrier, worker)
