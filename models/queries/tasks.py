"""Tasks: claim, renew, release and end; and the queue in order.

A claim never waits: it skips rows that another transaction has locked (SKIP LOCKED), so it may
ignore the lock order. Renewing or releasing waits for one task only, and locks nothing after it.
All other transactions lock a subject's tasks under the lock of its order or return.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.rows import changed_at
from models.database.sessions import Session
from models.tasks import TaskRow

_COLUMNS = (
    "id, queue, status, location_id, channel_id, subject_type, subject_key, priority,"
    " priority_reasons, seniority, due_at, claimed_by, lease_until_at, created_at, ended_at,"
    " units, version, updated_at"
)
_IS_LIVE = "status IN ('OPEN', 'CLAIMED')"
_RANK = "priority DESC, seniority DESC, id DESC"


def _claimable(condition: str) -> str:
    return (
        f"SELECT {_COLUMNS} FROM task WHERE location_id = $1 AND queue = $2 AND {_IS_LIVE}"
        f" AND (status = 'OPEN' OR lease_until_at <= $3){condition}"
        f" ORDER BY {_RANK} LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED"
    )


_CLAIMABLE = _claimable("")
_CLAIMABLE_OF = _claimable(" AND (channel_id IS NULL OR channel_id = ANY($5::bigint[]))")


async def lock_claimable(
    session: Session,
    location_id: int,
    queue: str,
    now: datetime,
    limit: int,
    channel_ids: Sequence[int] | None,
) -> list[TaskRow]:
    """Lock and read the first OPEN tasks of a queue that no other transaction has locked.

    `channel_ids` None: tasks of all channels; else tasks of these channels and those without one.
    """
    if channel_ids is None:
        return list(await session.rows(TaskRow, _CLAIMABLE, location_id, queue, now, limit))
    values = (location_id, queue, now, limit, list(channel_ids))
    return list(await session.rows(TaskRow, _CLAIMABLE_OF, *values))


class FirstTaskRow(TypedDict):
    """A claimable task near the top of a queue."""

    id: UUID
    subject_key: str


_FIRST = (
    f"SELECT id, subject_key FROM task WHERE location_id = $1 AND queue = $2 AND {_IS_LIVE}"
    " AND subject_type = 'Fulfillment' AND (status = 'OPEN' OR lease_until_at <= $3)"
)


async def first_claimable(
    session: Session,
    location_id: int,
    queue: str,
    now: datetime,
    limit: int,
    channel_ids: Sequence[int] | None,
) -> list[FirstTaskRow]:
    """The first OPEN tasks of a queue of fulfillments, in order; not locked."""
    values: list[object] = [location_id, queue, now, limit]
    condition = ""
    if channel_ids is not None:
        values.append(list(channel_ids))
        condition = " AND (channel_id IS NULL OR channel_id = ANY($5::bigint[]))"
    sql = f"{_FIRST}{condition} ORDER BY {_RANK} LIMIT $4"
    return list(await session.rows(FirstTaskRow, sql, *values))


async def lock_claimable_among(
    session: Session, ids: Sequence[UUID], now: datetime, limit: int
) -> list[TaskRow]:
    """Lock and read the first OPEN tasks among these that no other transaction has locked."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[]) AND {_IS_LIVE}"
        " AND (status = 'OPEN' OR lease_until_at <= $2)"
        f" ORDER BY {_RANK} LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED"
    )
    return list(await session.rows(TaskRow, sql, list(ids), now, limit))


class ClaimedTaskRow(TypedDict):
    """A claimed task of a fulfillment."""

    claimed_by: str
    location_id: int
    queue: str
    subject_key: str


_CLAIMED = f"""
SELECT claimed_by, location_id, queue, subject_key FROM task
WHERE claimed_by = ANY($1::text[]) AND location_id = ANY($2::bigint[]) AND {_IS_LIVE}
  AND lease_until_at > $3 AND subject_type = 'Fulfillment'
ORDER BY {_RANK}
"""


async def claimed_fulfillments(
    session: Session, actors: Sequence[str], location_ids: Sequence[int], now: datetime
) -> list[ClaimedTaskRow]:
    """The tasks of fulfillments at these locations that these actors hold, in order."""
    values = (list(actors), list(location_ids), now)
    return list(await session.rows(ClaimedTaskRow, _CLAIMED, *values))


async def tasks_by_id(session: Session, ids: Sequence[UUID]) -> dict[UUID, TaskRow]:
    """Tasks by id, not locked."""
    sql = f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[])"
    return {row["id"]: row for row in await session.rows(TaskRow, sql, list(ids))}


async def lock_free(session: Session, ids: Sequence[UUID]) -> dict[UUID, TaskRow]:
    """Lock and read the tasks among these that no other transaction has locked."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[]) ORDER BY {_RANK}"
        " FOR NO KEY UPDATE SKIP LOCKED"
    )
    return {row["id"]: row for row in await session.rows(TaskRow, sql, list(ids))}


async def lock_task(session: Session, task_id: UUID) -> TaskRow | None:
    """Lock a task and read it."""
    sql = f"SELECT {_COLUMNS} FROM task WHERE id = $1 FOR NO KEY UPDATE"
    return await session.row(TaskRow, sql, task_id)


async def lock_tasks(session: Session, ids: Sequence[UUID]) -> list[TaskRow]:
    """Lock tasks in order and read them."""
    sql = f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
    return list(await session.rows(TaskRow, sql, list(ids)))


async def lock_live(session: Session, subject_type: str, keys: Sequence[str]) -> list[TaskRow]:
    """Lock and read the unfinished tasks of these subjects, in order."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE subject_type = $1 AND subject_key = ANY($2::text[])"
        f" AND {_IS_LIVE} ORDER BY id FOR NO KEY UPDATE"
    )
    return list(await session.rows(TaskRow, sql, subject_type, list(keys)))


async def lock_lapsed(session: Session, now: datetime, limit: int) -> list[TaskRow]:
    """Lock tasks whose claim has expired and is still stored."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE status = 'CLAIMED' AND lease_until_at <= $1"
        " ORDER BY lease_until_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
    )
    return list(await session.rows(TaskRow, sql, now, limit))


async def hold(
    session: Session, ids: Sequence[UUID], actor: str, until: datetime, now: datetime
) -> dict[UUID, TaskRow]:
    """Store a claim of these locked tasks until an instant; returns their new rows."""
    sql = (
        "UPDATE task SET status = 'CLAIMED', claimed_by = $2, lease_until_at = $3,"
        f" version = version + 1, {changed_at('$4')}"
        f" WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    rows = await session.rows(TaskRow, sql, list(ids), actor, until, now)
    return {row["id"]: row for row in rows}


async def give_back(session: Session, ids: Sequence[UUID], now: datetime) -> list[TaskRow]:
    """Store that these locked tasks have no claim; returns their new rows."""
    sql = (
        "UPDATE task SET status = 'OPEN', claimed_by = NULL, lease_until_at = NULL,"
        f" version = version + 1, {changed_at('$2')}"
        f" WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return list(await session.rows(TaskRow, sql, list(ids), now))


_PICKED_UNITS = (
    "CASE WHEN $2 = 'DONE' AND queue = 'PICK' AND subject_type = 'Fulfillment' THEN"
    " (SELECT CAST(COALESCE(SUM(l.quantity), 0) AS bigint) FROM fulfillment_line l"
    " WHERE l.fulfillment_id = (task.subject_key)::uuid) END"
)


async def end(
    session: Session, ids: Sequence[UUID], status: str, actor: str | None, now: datetime
) -> list[TaskRow]:
    """Store the end of these locked tasks, and the actor that did them; returns their new rows.

    `actor` None: no actor did them; a stored claimant stays. A PICK task of a fulfillment that is
    done keeps the units of the fulfillment.
    """
    sql = (
        "UPDATE task SET status = $2, claimed_by = COALESCE($3, claimed_by),"
        f" units = {_PICKED_UNITS},"
        " lease_until_at = NULL, ended_at = $4, version = version + 1,"
        f" {changed_at('$4')} WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return list(await session.rows(TaskRow, sql, list(ids), status, actor, now))


async def touch(session: Session, ids: Sequence[UUID], now: datetime) -> list[TaskRow]:
    """Store that the subjects of these locked tasks have changed; returns their new rows."""
    sql = (
        f"UPDATE task SET version = version + 1, {changed_at('$2')}"
        f" WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return list(await session.rows(TaskRow, sql, list(ids), now))


async def open_queue(
    session: Session,
    queue: str,
    location_id: int,
    limit: int,
    *,
    channel_ids: Sequence[int] | None = None,
    claimed_by: str | None = None,
    after: TaskRow | None = None,
) -> list[TaskRow]:
    """The unfinished tasks of a queue, claimed or not, the most urgent first.

    `channel_ids` None: tasks of all channels; else tasks of these channels and those without one.
    `claimed_by`: only tasks that this actor has claimed.
    `after`: the last row of the page before. A claimed task with a past `lease_until_at` is OPEN
    (`domain.tasks.status_at`).
    """
    conditions, values = "", list[object]([location_id, queue, limit])
    if channel_ids is not None:
        values.append(list(channel_ids))
        conditions += f" AND (channel_id IS NULL OR channel_id = ANY(${len(values)}::bigint[]))"
    if claimed_by is not None:
        values.append(claimed_by)
        conditions += f" AND status = 'CLAIMED' AND claimed_by = ${len(values)}"
    if after is not None:
        first = len(values) + 1
        values += [after["priority"], after["seniority"], after["id"]]
        conditions += f" AND (priority, seniority, id) < (${first}, ${first + 1}, ${first + 2})"
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE location_id = $1 AND queue = $2 AND {_IS_LIVE}"
        f"{conditions} ORDER BY {_RANK} LIMIT $3"
    )
    return list(await session.rows(TaskRow, sql, *values))


_RETURN = """
SELECT r.id, r.status, r.destination_id, r.expected_by_at, r.authorized_at, o.channel_id
FROM customer_return r JOIN sales_order o ON o.id = r.order_id WHERE r.id = $1
"""


class ReturnForReceiptRow(TypedDict):
    """A return with its order's channel."""

    id: UUID
    status: str
    destination_id: int
    expected_by_at: datetime | None
    authorized_at: datetime | None
    channel_id: int


async def return_for_receipt(session: Session, return_id: UUID) -> ReturnForReceiptRow | None:
    """Data of a return for its RECEIVE task: status, destination, dates, and channel."""
    return await session.row(ReturnForReceiptRow, _RETURN, return_id)


# Value at the price of the sale; of wrong and extra units, at the item's price.
_ITEMS = """
SELECT i.id, i.state, i.quantity, i.location_id, i.received_at, c.code AS reason,
  COALESCE(l.unit_price_minor, g.price_minor, 0) AS unit_value_minor,
  CASE WHEN l.id IS NULL THEN g.price_currency ELSE o.currency END AS currency
FROM return_item i
JOIN customer_return r ON r.id = i.return_id
JOIN sales_order o ON o.id = r.order_id
JOIN item g ON g.id = i.item_id
LEFT JOIN order_line l ON l.id = i.order_line_id
LEFT JOIN reason_code c ON c.id = i.reason_id
WHERE i.return_id = $1 ORDER BY i.position
"""


class ItemForInspectionRow(TypedDict):
    """A group of a return's units, with its price."""

    id: UUID
    state: str
    quantity: int
    location_id: int | None
    received_at: datetime | None
    reason: str | None
    unit_value_minor: int
    currency: str | None


async def items_for_inspection(session: Session, return_id: UUID) -> list[ItemForInspectionRow]:
    """Data of a return's groups of units for their INSPECT and DISPOSE tasks."""
    return list(await session.rows(ItemForInspectionRow, _ITEMS, return_id))


class TransferForWorkRow(TypedDict):
    """Facts of a transfer that its task needs."""

    status: str
    origin_id: int
    destination_id: int
    expected_by_at: datetime | None


async def transfer_for_work(session: Session, transfer_id: UUID) -> TransferForWorkRow | None:
    """The status, the locations and the expected time of a transfer."""
    return await session.row(
        TransferForWorkRow,
        "SELECT status, origin_id, destination_id, expected_by_at FROM transfer WHERE id = $1",
        transfer_id,
    )
