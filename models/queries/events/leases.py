"""Leases: rows that say which process does a job that only one may do, and until when."""

from __future__ import annotations

from datetime import datetime

from models.database.sessions import Session
from models.events import LeaseRow

_READ = "SELECT holder, lease_until_at, counter FROM lease WHERE name = $1"


async def make_lease(session: Session, name: str, now: datetime) -> None:
    """Make the row of a lease that nobody holds, unless it exists."""
    await session.execute(
        "INSERT INTO lease (name, holder, lease_until_at) VALUES ($1, '', $2)"
        " ON CONFLICT (name) DO NOTHING",
        name,
        now,
    )


async def lease(session: Session, name: str) -> LeaseRow | None:
    """(holder, lease_until_at, counter) as committed, without waiting; None before the first."""
    return await session.row(LeaseRow, _READ, name)


async def lock_lease(session: Session, name: str) -> LeaseRow | None:
    """The same row, locked: what it says stays true until this transaction ends."""
    return await session.row(LeaseRow, f"{_READ} FOR UPDATE", name)


async def hold_lease(
    session: Session, name: str, holder: str, until: datetime, counter: int
) -> None:
    """Write who holds a locked lease, until when, and how far the job has come."""
    await session.execute(
        "UPDATE lease SET holder = $2, lease_until_at = $3, counter = $4 WHERE name = $1",
        name,
        holder,
        until,
        counter,
    )


async def release_lease(session: Session, name: str, holder: str, now: datetime) -> bool:
    """End a lease that `holder` has, so that the next one need not wait; whether it had it."""
    released = await session.execute(
        "UPDATE lease SET lease_until_at = $3 WHERE name = $1 AND holder = $2",
        name,
        holder,
        now,
    )
    return released == 1
