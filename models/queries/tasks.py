"""Tasks: claimed by one worker each, kept, given back, and ended; and a queue as it is.

A claim never waits: rows that somebody else has locked are passed over (SKIP LOCKED), so that it
may be taken out of the order of locks. Whoever renews or releases one waits for that one alone,
and locks nothing behind it. Everybody else locks a subject's tasks under the lock of the order or
return that they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.database.sessions import Row, Session

_COLUMNS = (
    "id, queue, status, location_id, channel_id, subject_type, subject_key, priority,"
    " priority_reasons, seniority, due_at, claimed_by, lease_until_at, created_at, version"
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
) -> list[Row]:
    """Lock the first tasks of a queue that nobody has and nobody is taking, and read them.

    `channel_ids` None: those of all channels; else those of these channels and of none.
    """
    if channel_ids is None:
        return list(await session.fetch(_CLAIMABLE, location_id, queue, now, limit))
    values = (location_id, queue, now, limit, list(channel_ids))
    return list(await session.fetch(_CLAIMABLE_OF, *values))


async def tasks_by_id(session: Session, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Tasks by id, not locked."""
    sql = f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[])"
    return {row["id"]: row for row in await session.fetch(sql, list(ids))}


async def lock_free(session: Session, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Lock those of these tasks that nobody else has locked, and read them."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE id = ANY($1::uuid[]) ORDER BY {_RANK}"
        " FOR NO KEY UPDATE SKIP LOCKED"
    )
    return {row["id"]: row for row in await session.fetch(sql, list(ids))}


async def lock_task(session: Session, task_id: UUID) -> Row | None:
    """Lock a task and read it."""
    sql = f"SELECT {_COLUMNS} FROM task WHERE id = $1 FOR NO KEY UPDATE"
    return await session.fetch_one(sql, task_id)


async def lock_live(session: Session, subject_type: str, keys: Sequence[str]) -> list[Row]:
    """Lock the tasks of these subjects that are still to be done, in order, and read them."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE subject_type = $1 AND subject_key = ANY($2::text[])"
        f" AND {_IS_LIVE} ORDER BY id FOR NO KEY UPDATE"
    )
    return list(await session.fetch(sql, subject_type, list(keys)))


async def lock_lapsed(session: Session, now: datetime, limit: int) -> list[Row]:
    """Lock claims that are over and that nobody has written down yet."""
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE status = 'CLAIMED' AND lease_until_at <= $1"
        " ORDER BY lease_until_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
    )
    return list(await session.fetch(sql, now, limit))


async def hold(
    session: Session, ids: Sequence[UUID], actor: str, until: datetime
) -> dict[UUID, Row]:
    """Write that an actor has these locked tasks until an instant; they as they are now."""
    sql = (
        "UPDATE task SET status = 'CLAIMED', claimed_by = $2, lease_until_at = $3,"
        f" version = version + 1 WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return {row["id"]: row for row in await session.fetch(sql, list(ids), actor, until)}


async def give_back(session: Session, ids: Sequence[UUID]) -> list[Row]:
    """Write that nobody has these locked tasks; they as they are now."""
    sql = (
        "UPDATE task SET status = 'OPEN', claimed_by = NULL, lease_until_at = NULL,"
        f" version = version + 1 WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return list(await session.fetch(sql, list(ids)))


async def end(
    session: Session, ids: Sequence[UUID], status: str, actor: str | None, now: datetime
) -> list[Row]:
    """Write that these locked tasks are over, and by whom they were done; they as they are now.

    `actor` None: nobody did them, and who had them stays.
    """
    sql = (
        "UPDATE task SET status = $2, claimed_by = COALESCE($3, claimed_by),"
        " lease_until_at = NULL, ended_at = $4, version = version + 1"
        f" WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    )
    return list(await session.fetch(sql, list(ids), status, actor, now))


async def touch(session: Session, ids: Sequence[UUID]) -> list[Row]:
    """Write that the subjects of these locked tasks have changed; they as they are now."""
    sql = f"UPDATE task SET version = version + 1 WHERE id = ANY($1::uuid[]) RETURNING {_COLUMNS}"
    return list(await session.fetch(sql, list(ids)))


async def open_queue(
    session: Session,
    queue: str,
    location_id: int,
    limit: int,
    *,
    channel_ids: Sequence[int] | None = None,
    after: Row | None = None,
) -> list[Row]:
    """The tasks of a queue that are still to be done, held or not, the most urgent first.

    `channel_ids` None: those of all channels; else those of these and of none. `after`: the last
    row of the page before. A held task whose `lease_until_at` is past counts as open
    (domain.tasks.standing).
    """
    conditions, values = "", list[object]([location_id, queue, limit])
    if channel_ids is not None:
        values.append(list(channel_ids))
        conditions += f" AND (channel_id IS NULL OR channel_id = ANY(${len(values)}::bigint[]))"
    if after is not None:
        first = len(values) + 1
        values += [after["priority"], after["seniority"], after["id"]]
        conditions += f" AND (priority, seniority, id) < (${first}, ${first + 1}, ${first + 2})"
    sql = (
        f"SELECT {_COLUMNS} FROM task WHERE location_id = $1 AND queue = $2 AND {_IS_LIVE}"
        f"{conditions} ORDER BY {_RANK} LIMIT $3"
    )
    return list(await session.fetch(sql, *values))


_RETURN = """
SELECT r.id, r.status, r.destination_id, r.expected_by_at, r.authorized_at, o.channel_id
FROM customer_return r JOIN sales_order o ON o.id = r.order_id WHERE r.id = $1
"""


async def return_at_dock(session: Session, return_id: UUID) -> Row | None:
    """What the RECEIVE queue asks of a return: status, destination, dates and channel."""
    return await session.fetch_one(_RETURN, return_id)


# Worth at the price it was sold for; wrong and extra units at the item's own price.
_ITEMS = """
SELECT i.id, i.state, i.quantity, i.location_id, i.received_at, c.code AS reason,
  COALESCE(l.unit_price_minor, g.price_minor, 0) AS price_minor,
  CASE WHEN l.id IS NULL THEN g.price_currency ELSE o.currency END AS currency
FROM return_item i
JOIN customer_return r ON r.id = i.return_id
JOIN sales_order o ON o.id = r.order_id
JOIN item g ON g.id = i.item_id
LEFT JOIN order_line l ON l.id = i.order_line_id
LEFT JOIN reason_code c ON c.id = i.reason_id
WHERE i.return_id = $1 ORDER BY i.position
"""


async def items_at_bench(session: Session, return_id: UUID) -> list[Row]:
    """What the INSPECT and DISPOSE queues ask of a return's groups of units."""
    return list(await session.fetch(_ITEMS, return_id))
