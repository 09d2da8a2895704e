"""The types of events that a webhook takes: full names, or all of a noun as `refund.*`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.access.callers import Caller
from domain.access.permissions import EVENT_NOUNS
from domain.errors import Invalid, LimitExceeded
from domain.events.event_types import EVENTS

CHOICES_MAX: Final = 100
_ANY: Final = "*"


def takes(choices: Sequence[str] | None, event_type: str) -> bool:
    """True if one of the choices names this type; None takes every type."""
    if choices is None:
        return True
    return event_type in choices or f"{event_type.partition('.')[0]}.{_ANY}" in choices


def check_choices(choices: Sequence[str], caller: Caller) -> None:
    """Raise Invalid or LimitExceeded unless `caller`, the key of the webhook, may see each of them.

    An empty list is refused: the webhook would never get an event.
    """
    if not choices:
        raise Invalid("At least one type of event is required. Leave events out to take all.")
    if len(choices) > CHOICES_MAX:
        raise LimitExceeded("events", CHOICES_MAX, len(choices))
    for index, choice in enumerate(choices):
        noun, _, verb = choice.partition(".")
        if choice not in EVENTS and not (noun in EVENT_NOUNS and verb == _ANY):
            nouns = ", ".join(f"{each}.{_ANY}" for each in sorted(EVENT_NOUNS))
            raise Invalid(
                f"{choice[:80]!r} is not a type of event; allowed: the names that eventTypes"
                f" returns, and {nouns}.",
                field=(str(index),),
            )
        if not caller.may_read_event(choice):
            raise Invalid(
                f"The API key of the webhook may not see {choice}; its role is {caller.role}.",
                field=(str(index),),
            )
