"""Actors: the people and systems that keys act for, with what their live keys reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import orjson

import models.queries.reads.access as access_reads
from domain.access.callers import SYSTEM, Caller, Role, holder
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.queries.reads.access import ActorKeyRow


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor, with the roles and scopes of its live keys, or of all if none is live.

    `keys` has one caller for each of them. `locations` None: all.
    """

    name: str
    keys: tuple[Caller, ...]
    last_seen_at: datetime | None
    is_active: bool

    @property
    def roles(self) -> list[Role]:
        """The roles of the keys, in the order of `Role`."""
        held = {key.role for key in self.keys}
        return [role for role in Role if role in held]

    @property
    def locations(self) -> frozenset[str] | None:
        """The codes of all locations of the keys; None: no limit."""
        scopes = [key.locations for key in self.keys]
        limited = [scope for scope in scopes if scope is not None]
        if len(limited) < len(scopes) or not scopes:
            return None
        return frozenset().union(*limited)

    def reaches(self, channel: str | None, location: str | None) -> bool:
        """True if a key sees objects of this channel at this location; None: they have none."""
        return any(
            (channel is None or key.sees_channel(channel))
            and (location is None or key.sees_location(location))
            for key in self.keys
        )


SYSTEM_ACTOR = Actor(SYSTEM.actor, (), None, is_active=True)


async def actors(session: Session, now: datetime) -> list[Actor]:
    """All actors that ever had a key, and the system, by name."""
    rows = await access_reads.actor_keys(session, None, now)
    return [SYSTEM_ACTOR, *_by_actor(rows)]


async def live_actor(session: Session, name: str, now: datetime) -> Actor | None:
    """The actor of this name; None: it has no live key."""
    rows = await access_reads.actor_keys(session, name, now)
    return next((found for found in _by_actor(rows) if found.is_active), None)


def _by_actor(rows: Iterable[ActorKeyRow]) -> Iterator[Actor]:
    system = comparison_key(SYSTEM.actor)
    for key, group in groupby(rows, itemgetter("actor_key")):
        if key != system:
            yield _actor(list(group))


def _actor(rows: list[ActorKeyRow]) -> Actor:
    live = [row for row in rows if row["is_live"]]
    return Actor(
        name=rows[0]["actor"],
        keys=tuple(map(_caller, live or rows)),
        last_seen_at=max((at for row in rows if (at := row["last_used_at"])), default=None),
        is_active=bool(live),
    )


def _caller(row: ActorKeyRow) -> Caller:
    return holder(
        Role(row["role"]),
        actor=row["actor"],
        channels=_codes(row["channels"]),
        locations=_codes(row["locations"]),
    )


def _codes(stored: str | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(orjson.loads(stored))
