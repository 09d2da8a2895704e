"""Visibility of events: the caller's permission for the noun, then the scope of its key."""

from __future__ import annotations

from collections.abc import Mapping

from domain.access.callers import Caller
from domain.exceptions import hidden_kinds
from domain.integrations.states import IntegrationKind

# An event of these nouns with a channel and no location concerns a whole order, which may touch
# several locations. A key that is limited to locations sees only those that its own actor recorded;
# it sees the parcels, tasks and units at its locations by their own events.
SPREAD_NOUNS = ("order", "reservation", "refund", "return", "carrier", "exception")
# An event of these nouns concerns several locations and has none itself. The same rule applies.
PLACELESS_NOUNS = ("transfer",)
# Events of API keys have neither, and those of playbooks may concern several channels. A message
# belongs to an API key. So a key with any limit sees only those of its own actor.
WHOLE_NOUNS = ("key", "playbook", "message")
# So does a webhook, and other integrations do not.
INTEGRATION_NOUN = "integration"
# Events of exceptions have a kind. Some kinds are hidden from the caller as a whole.
KIND_NOUN = "exception"


def is_in_scope(caller: Caller, channel: str | None, location: str | None) -> bool:
    """True if the caller's key covers the event's channel and location; None: it has none."""
    return (channel is None or caller.sees_channel(channel)) and (
        location is None or caller.sees_location(location)
    )


def may_see_event(
    caller: Caller,
    event_type: str,
    channel: str | None,
    location: str | None,
    actor: str,
    data: Mapping[str, object],
) -> bool:
    """True if the caller may read an event of this type, channel, location, actor and payload."""
    if not is_in_scope(caller, channel, location) or not caller.may_read_event(event_type):
        return False
    noun = event_type.partition(".")[0]
    if noun == KIND_NOUN and data.get("kind") in hidden_kinds(caller):
        return False
    is_spread = noun in SPREAD_NOUNS and channel is not None and location is None
    is_spread = is_spread or noun in PLACELESS_NOUNS
    is_whole = noun in WHOLE_NOUNS or (
        noun == INTEGRATION_NOUN and data.get("kind") == IntegrationKind.WEBHOOK
    )
    is_hidden = (is_spread and caller.locations is not None) or (
        is_whole and (caller.locations is not None or caller.channels is not None)
    )
    return not is_hidden or caller.acts_as(actor)
