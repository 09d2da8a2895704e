"""Actors that exceptions can be assigned to."""

from dataclasses import dataclass
from datetime import datetime

import strawberry

import workflows.access.actors as actors
from domain.access.callers import Caller
from schema.fields.enums import Role


@strawberry.type
class Actor:
    """A person or a system that keys act for."""

    name: str
    roles: list[Role]
    """Roles of its live keys; empty for the system."""
    locations: list[str] | None
    """Codes of the locations that its live keys see; null: all."""
    last_seen_at: datetime | None
    """Approximate time of the last use of a key; null: never."""
    active: bool
    """True if it has a live key."""

    @staticmethod
    def of(actor: actors.Actor, caller: Caller) -> "Actor":
        """An actor, with the locations that the caller may see."""
        locations = actor.locations
        return Actor(
            name=actor.name,
            roles=actor.roles,
            locations=(
                None if locations is None else sorted(filter(caller.sees_location, locations))
            ),
            last_seen_at=actor.last_seen_at,
            active=actor.is_active,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The actors that a list shows; None: any."""

    role: Role | None
    location: str | None
    active: bool
    caller: Caller

    def takes(self, actor: actors.Actor) -> bool:
        """True if the actor is shown: it has the role, and reaches the location and the caller's
        scope.
        """
        return (
            actor.is_active is self.active
            and (self.role is None or self.role in actor.roles)
            and (self.location is None or self._reaches(actor, self.location))
            and self._is_in_scope(actor)
        )

    def _reaches(self, actor: actors.Actor, location: str) -> bool:
        return not actor.keys or actor.reaches(None, location)

    def _is_in_scope(self, actor: actors.Actor) -> bool:
        channels, locations = self.caller.channels, self.caller.locations
        if not actor.keys:
            return True
        return any(
            actor.reaches(channel, location)
            for channel in (channels if channels is not None else (None,))
            for location in (locations if locations is not None else (None,))
        )
