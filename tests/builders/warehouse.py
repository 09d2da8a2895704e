"""Warehouse operations on the store of `tests.builders.store`: claim, pick, pack, reroute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

import workflows.carriers.tracking_events
import workflows.orders.fulfillment_holds
import workflows.tasks.claims
import workflows.tasks.renewals
import workflows.warehouse.dispatch
import workflows.warehouse.packing
import workflows.warehouse.parcels
import workflows.warehouse.picking
import workflows.warehouse.reroutes
import workflows.warehouse.scanning
from domain.access.callers import Caller, Role, holder
from domain.orders.carriers import CarrierStatus
from domain.orders.fulfillment_holds import HoldReason, NewHold
from domain.orders.parcels import PackedParcel, ParcelSize, ParcelUnits
from domain.tasks import QueueKind
from models.database.database import Database
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import rows
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.fulfillment_holds import ReleaseFulfillment
from workflows.orders.hold_subjects import HoldFulfillment
from workflows.tasks.claims import ClaimTasks, ReleaseTask, RenewTask
from workflows.tasks.renewals import RenewTasks
from workflows.tasks.selections import EVERY_TASK, TaskSelection
from workflows.transactions.outcomes import Outcome, Request
from workflows.warehouse.dispatch import DispatchParcels
from workflows.warehouse.packing import PackFulfillment
from workflows.warehouse.parcels import SplitFulfillment
from workflows.warehouse.picking import PickFulfillment, Shortage
from workflows.warehouse.reroutes import RerouteFulfillment
from workflows.warehouse.scanned_parcels import Scan, ScanUnits

ANN = holder(Role.WAREHOUSE, actor="ann")
BEN = holder(Role.WAREHOUSE, actor="ben")
SUE = holder(Role.SUPERVISOR, actor="sue")
_SUBJECTS = "'Fulfillment', 'Return', 'ReturnItem'"


def line_units(*units: tuple[object, int]) -> tuple[ParcelUnits, ...]:
    """Units of order lines."""
    return tuple(ParcelUnits(UUID(str(line)), quantity) for line, quantity in units)


def a_parcel(*units: tuple[object, int], grams: int | None = None) -> PackedParcel:
    """A packed parcel; without units it has all of the fulfillment."""
    return PackedParcel(line_units(*units) or None, ParcelSize(grams))


@dataclass
class Warehouse:
    """Task and fulfillment operations on a test's store."""

    shop: Shop

    @property
    def database(self) -> Database:
        return self.shop.database

    async def claim(
        self,
        queue: str = "PICK",
        at: str = "LEEDS",
        *,
        by: Caller = ANN,
        limit: int = 1,
        ids: list[Any] | None = None,
        selection: TaskSelection = EVERY_TASK,
        key: str | None = None,
    ) -> Outcome:
        named = None if ids is None else tuple(UUID(str(each)) for each in ids)
        command = ClaimTasks(QueueKind(queue), at, limit, named, selection)
        request = Request(command, by, key)
        return await self.shop.transactions.perform(workflows.tasks.claims.claim, request)

    async def renew(self, task_id: object, by: Caller = ANN) -> Outcome:
        request = Request(RenewTask(UUID(str(task_id))), by)
        return await self.shop.transactions.perform(workflows.tasks.claims.renew, request)

    async def renew_all(self, *ids: object, by: Caller = ANN) -> Outcome:
        request = Request(RenewTasks(tuple(UUID(str(each)) for each in ids)), by)
        return await self.shop.transactions.perform(workflows.tasks.renewals.renew_all, request)

    async def release(self, task_id: object, by: Caller = ANN) -> Outcome:
        request = Request(ReleaseTask(UUID(str(task_id))), by)
        return await self.shop.transactions.perform(workflows.tasks.claims.release, request)

    async def pick(
        self, fulfillment_id: object, *short: tuple[object, int], by: Caller = ANN
    ) -> Outcome:
        missing = tuple(Shortage(UUID(str(line)), units) for line, units in short)
        request = Request(PickFulfillment(UUID(str(fulfillment_id)), missing), by)
        return await self.shop.transactions.perform(workflows.warehouse.picking.pick, request)

    async def pack(
        self, fulfillment_id: object, by: Caller = ANN, *parcels: PackedParcel
    ) -> Outcome:
        command = PackFulfillment(UUID(str(fulfillment_id)), parcels or None)
        request = Request(command, by)
        return await self.shop.transactions.perform(workflows.warehouse.packing.pack, request)

    async def split(
        self, fulfillment_id: object, *units: tuple[object, int], by: Caller = ANN
    ) -> Outcome:
        request = Request(SplitFulfillment(UUID(str(fulfillment_id)), line_units(*units)), by)
        return await self.shop.transactions.perform(workflows.warehouse.parcels.split, request)

    async def dispatch(self, *sent: str, by: Caller = ANN, at: str = "LEEDS") -> Outcome:
        request = Request(DispatchParcels(at, sent), by)
        return await self.shop.transactions.perform(workflows.warehouse.dispatch.dispatch, request)

    async def scan(
        self,
        *scans: Scan,
        queue: str = "PICK",
        by: Caller = ANN,
        at: str = "LEEDS",
        key: str | None = None,
    ) -> Outcome:
        request = Request(ScanUnits(at, QueueKind(queue), scans), by, key)
        return await self.shop.transactions.perform(workflows.warehouse.scanning.scan, request)

    async def reroute(
        self, fulfillment_id: object, to: str, note: str = "York is quiet.", by: Caller = SUE
    ) -> Outcome:
        command = RerouteFulfillment(UUID(str(fulfillment_id)), to, note)
        request = Request(command, by)
        return await self.shop.transactions.perform(workflows.warehouse.reroutes.reroute, request)

    async def hold(
        self,
        order: Outcome | None = None,
        fulfillment_id: object | None = None,
        *,
        reason: str = "OTHER",
        until: datetime | None = None,
        note: str | None = None,
        by: Caller = SUE,
        key: str | None = None,
    ) -> Outcome:
        """Hold an order or a fulfillment."""
        command = HoldFulfillment(
            None if order is None else UUID(order.refs["order"]),
            None if fulfillment_id is None else UUID(str(fulfillment_id)),
            NewHold(HoldReason(reason), note, until),
        )
        return await self.shop.transactions.perform(
            workflows.orders.fulfillment_holds.hold, Request(command, by, key)
        )

    async def release_hold(self, held: Outcome | object, by: Caller = SUE) -> Outcome:
        """Release a hold that `hold` placed, or the one with this id."""
        hold_id = held.refs["hold"] if isinstance(held, Outcome) else held
        command = ReleaseFulfillment(UUID(str(hold_id)))
        return await self.shop.transactions.perform(
            workflows.orders.fulfillment_holds.release, Request(command, by)
        )

    async def release_due(self) -> int:
        """Release the holds whose time has come, as the job does."""
        return await self.shop.transactions.run(workflows.orders.fulfillment_holds.release_due)

    async def holds(self) -> list[dict[str, Any]]:
        """All fulfillment holds, oldest first."""
        return await rows(self.database, "SELECT * FROM fulfillment_hold ORDER BY placed_at, id")

    async def statuses(self, order: Outcome) -> list[str]:
        """The statuses of an order's fulfillments, oldest first."""
        return [each["status"] for each in await self.shop.fulfillments(order)]

    async def record_event(
        self,
        status: str,
        event: str = "E-1",
        *,
        number: str = "JD0001",
        carrier: str = "DHL",
        at: datetime | None = None,
        by: Caller = ANN,
    ) -> Outcome:
        """Record a tracking event of a carrier."""
        instant = at or self.shop.clock.now
        command = RecordCarrierEvent(carrier, number, event, CarrierStatus(status), instant)
        request = Request(command, by)
        return await self.shop.transactions.perform(
            workflows.carriers.tracking_events.record, request
        )

    async def tasks(self, subject_id: object | None = None) -> list[dict[str, Any]]:
        """Tasks of a fulfillment, a return or a return item, or all tasks, oldest first."""
        named = () if subject_id is None else (str(subject_id),)
        where = f"WHERE t.subject_type IN ({_SUBJECTS}) AND t.subject_key = $1" if named else ""
        found = await rows(
            self.database,
            "SELECT t.*, l.code AS location FROM task t JOIN location l ON l.id = t.location_id"
            f" {where} ORDER BY t.created_at, t.seniority DESC, t.id",
            *named,
        )
        return [{**row, "priority_reasons": orjson.loads(row["priority_reasons"])} for row in found]

    async def orders(self) -> dict[str, Outcome]:
        """Placed orders by the id of each of their fulfillments, in the form that Shop returns."""
        found = await rows(self.database, "SELECT id, order_id FROM fulfillment")
        return {str(row["id"]): Outcome({"order": str(row["order_id"])}) for row in found}

    async def live(self, fulfillment_id: object | None = None) -> list[tuple[str, str, str | None]]:
        """(queue, status, claimed by) of the tasks that are open or claimed."""
        return [
            (row["queue"], row["status"], row["claimed_by"])
            for row in await self.tasks(fulfillment_id)
            if row["status"] in ("OPEN", "CLAIMED")
        ]

    async def audits(self, action: str) -> list[dict[str, Any]]:
        found = await rows(
            self.database,
            "SELECT actor, action, subject, before, after FROM audit_entry WHERE action = $1"
            " ORDER BY id",
            action,
        )
        return [
            {**row, "before": _read(row["before"]), "after": _read(row["after"])} for row in found
        ]

    async def exceptions(self) -> list[tuple[str, str, str]]:
        """(kind, status, subject) of all exceptions."""
        found = await rows(
            self.database,
            "SELECT kind, status, subject_key FROM operational_exception ORDER BY kind, id",
        )
        return [(row["kind"], row["status"], row["subject_key"]) for row in found]


def _read(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


async def open_warehouse(database: Database, **channel: Any) -> Warehouse:
    """Create the store without stock."""
    return Warehouse(await open_shop(database, **channel))
