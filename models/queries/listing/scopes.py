"""What a caller may see, as ids: the codes of its key looked up once per operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from domain.access.callers import Caller
from models.database.sessions import Session


@dataclass(frozen=True, slots=True)
class Scope:
    """The channels and locations that a caller may see, as ids and as codes; None: all of them.

    `is_anonymous`: without a key only holds that were made without one exist. What `actor` made on
    its channels exists for it wherever it came to lie.
    """

    channel_ids: Sequence[int] | None = None
    location_ids: Sequence[int] | None = None
    channels: frozenset[str] | None = None
    locations: frozenset[str] | None = None
    is_anonymous: bool = False
    actor: str = ""

    def sees_location(self, location_id: int | None) -> bool:
        """Whether a row at this location exists for the caller; rows at none do."""
        return location_id is None or self.location_ids is None or location_id in self.location_ids

    def sees_channel(self, channel_id: int | None) -> bool:
        """Whether a row of this channel exists for the caller; rows of none do."""
        return channel_id is None or self.channel_ids is None or channel_id in self.channel_ids

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden from this caller by its scope."""
        return self.channel_ids is None and self.location_ids is None


async def scope_of(session: Session, caller: Caller) -> Scope:
    """The scope of a caller's key; codes that do not exist are nobody's rows."""
    return Scope(
        channel_ids=await _ids(session, "channel", caller.channels),
        location_ids=await _ids(session, "location", caller.locations),
        channels=caller.channels,
        locations=caller.locations,
        is_anonymous=caller.is_anonymous,
        actor=caller.actor,
    )


class _ScopeIdRow(TypedDict):
    id: int


async def _ids(
    session: Session, table: str, codes: frozenset[str] | None
) -> tuple[int, ...] | None:
    if codes is None:
        return None
    rows = await session.rows(
        _ScopeIdRow,
        f"SELECT id FROM {table} WHERE code = ANY($1::text[]) ORDER BY id",
        sorted(codes),
    )
    return tuple(row["id"] for row in rows)
