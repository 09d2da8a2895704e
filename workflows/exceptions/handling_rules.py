"""Handling of exceptions by the EXCEPTION policies in force: one read for any number of places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import models.queries.catalog.lookups as lookups
import workflows.policies.publishing as policies
from domain.exceptions import ExceptionKind, HandlingRule
from domain.policies.exceptions import ExceptionRules
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts, LocationFacts

# The location and the channel of an exception; None: it has none.
Place = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class HandlingRules:
    """The policies in force at an instant, and the codes of the places that they may name."""

    found: tuple[PolicyVersion[ExceptionRules], ...]
    now: datetime
    locations: Mapping[int, LocationFacts]
    channels: Mapping[int, ChannelFacts]

    def rule(self, kind: ExceptionKind, place: Place) -> HandlingRule:
        """The handling of a kind at a place, by its policy or else by the catalog of kinds."""
        location_id, channel_id = place
        location = None if location_id is None else self.locations.get(location_id)
        channel = None if channel_id is None else self.channels.get(channel_id)
        facts = Facts(
            channel=None if channel is None else channel.code,
            location=None if location is None else location.code,
        )
        return choose(self.found, facts, self.now).rules.row(kind)

    def of_kind(self, kind: ExceptionKind) -> list[HandlingRule]:
        """The handling of a kind in every scope that has a policy, the global one included."""
        return [each.rules.row(kind) for each in self.found]


async def read(session: Session, now: datetime, places: Iterable[Place] = ()) -> HandlingRules:
    """The rules for exceptions at these places. Codes are read only if a policy has a scope."""
    found = await policies.in_force(session, PolicyKind.EXCEPTION, now)
    locations: Mapping[int, LocationFacts] = {}
    channels: Mapping[int, ChannelFacts] = {}
    if any(each.scope.form for each in found):
        named = set(places)
        location_ids = sorted({each for each, _ in named if each is not None})
        channel_ids = sorted({each for _, each in named if each is not None})
        locations = await lookups.locations_by_id(session, location_ids) if location_ids else {}
        channels = await lookups.channels_by_id(session, channel_ids) if channel_ids else {}
    return HandlingRules(found, now, locations, channels)
