"""Claims of tasks that are selected by their parcels, among the first ones of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.stock.bins as bin_queries
import models.queries.tasks as task_queries
from domain.errors import Invalid, NotFound
from domain.problems import Problems
from domain.tasks import DISPATCH, QueueKind
from domain.values.codes import store_codes
from models.tasks import TaskRow
from workflows.transactions.transaction import Transaction

SELECTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Conditions on the parcels of tasks; `zone_code`: all their units are in bins of this zone."""

    singles: bool = False
    zone_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "zone_code")

    @property
    def fields(self) -> list[str]:
        """The arguments of the conditions that are stated."""
        return ["singles"] * self.singles + ["zoneCode"] * (self.zone_code is not None)


EVERY_TASK: Final = TaskSelection()


def check(queue: QueueKind, selection: TaskSelection, *, is_named: bool) -> None:
    """Raise Invalid, or Faults, if tasks of this queue, or named tasks, are not selected so."""
    problems = Problems()
    for name in selection.fields:
        allowed = sorted(DISPATCH) if name == "singles" else [QueueKind.PICK]
        with problems.under(name):
            if is_named:
                raise Invalid(f"Omit `{name}` to claim the tasks in `ids`.")
            if queue not in allowed:
                raise Invalid(
                    f"`{name}` is allowed for {', '.join(allowed)}; {queue} was sent.",
                    details={"allowed": allowed},
                )
    problems.refuse()


async def lock_selected(
    tx: Transaction,
    queue: tuple[int, QueueKind, datetime],
    selection: TaskSelection,
    limit: int,
    channel_ids: Sequence[int] | None,
) -> list[TaskRow]:
    """Lock the first tasks with such parcels; `queue`: location, queue and time.

    Raises NotFound for a zone that the location does not have.
    """
    first = await task_queries.first_claimable(tx.session, *queue, SELECTED_MAX, channel_ids)
    by_parcel = {UUID(row["subject_key"]): row["id"] for row in first}
    chosen = set(by_parcel)
    if selection.singles:
        chosen &= await fulfillment_queries.singles_among(tx.session, list(by_parcel))
    if selection.zone_code is not None:
        chosen &= await _in_zone(tx, queue[0], selection.zone_code, list(chosen))
    ids = [task_id for parcel, task_id in by_parcel.items() if parcel in chosen]
    return await task_queries.lock_claimable_among(tx.session, ids, tx.now, limit)


async def _in_zone(
    tx: Transaction, location_id: int, code: str, parcels: Sequence[UUID]
) -> set[UUID]:
    """Those of these fulfillments whose unpicked units are all in bins of the zone."""
    zone = (await lookups.locations_by_code(tx.session, [code])).get(code)
    homes = {} if zone is None else await bin_queries.homes(tx.session, [zone.id])
    if zone is None or zone.id == location_id or homes.get(zone.id) != location_id:
        raise NotFound("zone", code, field=("zoneCode",))
    wanted: dict[UUID, dict[int, int]] = {key: {} for key in parcels}
    for line in await fulfillment_queries.lines_of(tx.session, parcels):
        items = wanted[line["fulfillment_id"]]
        left = line["quantity"] - line["picked"]
        items[line["item_id"]] = items.get(line["item_id"], 0) + left
    item_ids = {item_id for items in wanted.values() for item_id in items}
    units = await bin_queries.units_under(tx.session, zone.id, location_id, sorted(item_ids))
    return {
        key
        for key, items in wanted.items()
        if all(units.get(item_id, 0) >= left for item_id, left in items.items())
    }
