"""Transfers from LEEDS to YORK in the store of `tests.builders.store`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.transfers.receipts
import workflows.transfers.requests
import workflows.transfers.shipments
import workflows.transfers.write_offs
from domain.access.callers import Caller
from models.database.database import Database
from tests.builders.transactions import rows
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, open_warehouse
from workflows.transactions.outcomes import Outcome, Request
from workflows.transfers.commands import (
    CancelTransfer,
    CreateTransfer,
    ReceiveTransfer,
    ShipTransfer,
    TransferArrival,
    TransferUnitsOf,
    WriteOffTransfer,
)


@dataclass
class Transfers:
    """Operations on transfers in a test's store."""

    warehouse: Warehouse

    @property
    def database(self) -> Database:
        return self.warehouse.database

    async def create(
        self,
        *lines: tuple[str, int],
        origin: str = "LEEDS",
        to: str = "YORK",
        by: Caller = SUE,
        **facts: Any,
    ) -> Outcome:
        command = CreateTransfer(origin, to, _units(lines), **facts)
        return await self.warehouse.shop.transactions.perform(
            workflows.transfers.requests.create, Request(command, by)
        )

    async def cancel(self, transfer: Outcome, by: Caller = SUE) -> Outcome:
        command = CancelTransfer(id_of(transfer))
        return await self.warehouse.shop.transactions.perform(
            workflows.transfers.requests.cancel, Request(command, by)
        )

    async def ship(
        self, transfer: Outcome, *short: tuple[str, int], by: Caller = ANN, **facts: Any
    ) -> Outcome:
        command = ShipTransfer(id_of(transfer), shortages=_units(short), **facts)
        return await self.warehouse.shop.transactions.perform(
            workflows.transfers.shipments.ship, Request(command, by)
        )

    async def receive(
        self,
        transfer: Outcome,
        *lines: tuple[Any, ...],
        at: str = "YORK",
        complete: bool = False,
        by: Caller = BEN,
    ) -> Outcome:
        """Receive lines of (SKU, good units, damaged units, bin)."""
        arrived = tuple(TransferArrival(*line) for line in lines)
        command = ReceiveTransfer(id_of(transfer), at, arrived, complete)
        return await self.warehouse.shop.transactions.perform(
            workflows.transfers.receipts.receive, Request(command, by)
        )

    async def write_off(
        self, transfer: Outcome, *lines: tuple[str, int], by: Caller = ANN
    ) -> Outcome:
        command = WriteOffTransfer(
            id_of(transfer), _units(lines), "LOST_IN_TRANSIT", "The van was robbed."
        )
        return await self.warehouse.shop.transactions.perform(
            workflows.transfers.write_offs.write_off, Request(command, by)
        )

    async def sent(self, *lines: tuple[str, int]) -> Outcome:
        """A transfer that is in transit."""
        transfer = await self.create(*lines)
        assert not transfer.refusals, transfer.refusals
        shipped = await self.ship(transfer)
        assert not shipped.refusals, shipped.refusals
        return transfer

    async def status(self, transfer: Outcome) -> str:
        found = await rows(
            self.database, "SELECT status FROM transfer WHERE id = $1", id_of(transfer)
        )
        return str(found[0]["status"])

    async def units(self, transfer: Outcome, sku: str = "TEE-M") -> dict[str, int]:
        """The units of a line that are not 0, by column."""
        [found] = await rows(
            self.database,
            "SELECT l.requested, l.shipped, l.in_transit, l.received, l.damaged, l.came_back,"
            " l.lost, l.extra, l.value_minor FROM transfer_line l JOIN item i ON i.id = l.item_id"
            " WHERE l.transfer_id = $1 AND i.sku = $2",
            id_of(transfer),
            sku,
        )
        return {column: units for column, units in found.items() if units}

    async def incoming(self, sku: str = "TEE-M", at: str = "YORK") -> int:
        [found] = await rows(
            self.database,
            "SELECT s.incoming FROM stock_level s JOIN item i ON i.id = s.item_id"
            " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = $2",
            sku,
            at,
        )
        return int(found["incoming"])

    async def balances(self) -> dict[str, int]:
        """Balances of the accounts of stock, in minor units, without those of 0."""
        found = await rows(
            self.database,
            "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
            " WHERE account LIKE 'inventory%' OR account = 'write_offs' GROUP BY account",
        )
        return {row["account"]: int(row["balance"]) for row in found if row["balance"]}


def id_of(transfer: Outcome) -> UUID:
    return UUID(transfer.refs["transfer"])


def _units(lines: tuple[tuple[str, int], ...]) -> tuple[TransferUnitsOf, ...]:
    return tuple(TransferUnitsOf(*line) for line in lines)


async def open_transfers(database: Database) -> Transfers:
    """Create the store with ten TEE-M at 4.00 and three COAT at 61.00 in LEEDS."""
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(10)
    await warehouse.shop.receive(3, "COAT", cost="61.00")
    return Transfers(warehouse)
