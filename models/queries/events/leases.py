"""Leases: rows that name the process that runs an exclusive job, and the end of its lease."""

from __future__ import annotations

from datetime import datetime

from models.database.sessions import Session
from models.events import LeaseRow

_READ = "SELECT holder, lease_until_at, counter FROM lease WHERE name = $1"


async def make_lease(session: Session, name: str, now: datetime) -> None:
    """Create a lease without a holder, unless it exists."""
    await session.execute(
        "INSERT INTO lease (name, holder, lease_until_at) VALUES ($1, '', $2)"
        " ON CONFLICT (name) DO NOTHING",
        name,
        now,
    )


async def lease(session: Session, name: str) -> LeaseRow | None:
    """(holder, lease_until_at, counter) as committed, without a lock; None if it does not exist."""
    return await session.row(LeaseRow, _READ, name)


async def lock_lease(session: Session, name: str) -> LeaseRow | None:
    """The same row, locked until this transaction ends."""
    return await session.row(LeaseRow, f"{_READ} FOR UPDATE", name)


async def hold_lease(
    session: Session, name: str, holder: str, until: datetime, counter: int
) -> None:
    """Write holder, end and counter of a locked lease."""
    await session.execute(
        "UPDATE lease SET holder = $2, lease_until_at = $3, counter = $4 WHERE name = $1",
        name,
        holder,
        until,
        counter,
    )


async def release_lease(session: Session, name: str, holder: str, now: datetime) -> bool:
    """End a lease of `holder`, so that the next holder need not wait; True if it had the lease."""
    released = await session.execute(
        "UPDATE lease SET lease_until_at = $3 WHERE name = $1 AND holder = $2",
        name,
        holder,
        now,
    )
    return released == 1
