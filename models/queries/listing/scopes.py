"""A caller's scope as ids: the codes of its key, looked up once per operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from domain.access.callers import Caller
from domain.exceptions import hidden_kinds
from domain.values.codes import comparison_key, keys_of
from models.database.sessions import Session

# The end of a subquery that is asked for each row of a list until the page is full. Without it,
# PostgreSQL may read all rows of the subquery's table first.
CHECKED = " LIMIT 1 OFFSET 0"


@dataclass(frozen=True, slots=True)
class Scope:
    """Channels and locations that a caller may see, as ids and as codes; None: all of them.

    `is_anonymous`: a caller without a key sees only holds that were made without a key. Rows made
    by `actor` on its channels are visible to it at every location. `hidden_kinds`: kinds of
    exceptions that do not exist for it, even if the scope is whole. `has_internals`: false for
    callers that may not read internals, for whom only the webhooks of their own actor exist.
    """

    channel_ids: Sequence[int] | None = None
    location_ids: Sequence[int] | None = None
    channels: frozenset[str] | None = None
    locations: frozenset[str] | None = None
    is_anonymous: bool = False
    actor: str = ""
    hidden_kinds: tuple[str, ...] = ()
    has_internals: bool = True

    def sees_location(self, location_id: int | None) -> bool:
        """True if the caller may see rows at this location; None (no location): yes."""
        return location_id is None or self.location_ids is None or location_id in self.location_ids

    def sees_channel(self, channel_id: int | None) -> bool:
        """True if the caller may see rows of this channel; None (no channel): yes."""
        return channel_id is None or self.channel_ids is None or channel_id in self.channel_ids

    def names_channel(self, code: str) -> bool:
        """True if the caller may see the channel of this code, in any spelling of it."""
        return self.channels is None or comparison_key(code) in keys_of(self.channels)

    def names_location(self, code: str) -> bool:
        """True if the caller may see the location of this code, in any spelling of it."""
        return self.locations is None or comparison_key(code) in keys_of(self.locations)

    @property
    def is_whole(self) -> bool:
        """True if the scope hides no channel and no location from this caller."""
        return self.channel_ids is None and self.location_ids is None


async def scope_of(session: Session, caller: Caller) -> Scope:
    """The scope of a caller's key; unknown codes match no rows."""
    return Scope(
        channel_ids=await _ids(session, "channel", caller.channels),
        location_ids=await _ids(session, "location", caller.locations),
        channels=caller.channels,
        locations=caller.locations,
        is_anonymous=caller.is_anonymous,
        actor=caller.actor,
        hidden_kinds=tuple(map(str, hidden_kinds(caller))),
        has_internals=caller.may("internals.read"),
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
        f"SELECT id FROM {table} WHERE code_key = ANY($1::text[]) ORDER BY id",
        keys_of(codes),
    )
    return tuple(row["id"] for row in rows)
