"""Visibility of events: the caller's permission for the noun, then the scope of its key."""

from __future__ import annotations

from domain.access.callers import Caller

# Events of these nouns have no location: their subject may touch several. A key that is limited
# to locations sees only those that its own actor recorded; it sees the parcels, tasks and units
# at its locations by their own events.
SPREAD_NOUNS = ("order", "reservation", "refund")


def is_in_scope(caller: Caller, channel: str | None, location: str | None) -> bool:
    """True if the caller's key covers the event's channel and location; None: it has none."""
    return (channel is None or caller.sees_channel(channel)) and (
        location is None or caller.sees_location(location)
    )


def may_see_event(
    caller: Caller, event_type: str, channel: str | None, location: str | None, actor: str
) -> bool:
    """True if the caller may read an event of this type, channel, location and actor."""
    if not is_in_scope(caller, channel, location) or not caller.may_read_event(event_type):
        return False
    is_spread = location is None and event_type.partition(".")[0] in SPREAD_NOUNS
    return not is_spread or caller.locations is None or caller.acts_as(actor)
