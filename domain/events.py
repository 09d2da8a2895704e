"""The log of facts as its readers meet it: cursors, who may see an event, why a reader ends."""

from __future__ import annotations

from typing import Any, ClassVar

from domain.access.callers import Caller
from domain.errors import BadRequest, RequestError

CURSOR_DIGITS_MAX = 18  # fits a bigint


def parse_cursor(text: str) -> int:
    """The position that a cursor names; "0" is the beginning of what is kept.

    Raises BadRequest for anything but a decimal number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= CURSOR_DIGITS_MAX):
        raise BadRequest("The cursor is malformed: it is the number that an event came with.")
    return int(text)


def is_in_scope(caller: Caller, channel: str | None, location: str | None) -> bool:
    """Whether what is of a channel and a location, or of neither, exists for the caller's key."""
    return (channel is None or caller.sees_channel(channel)) and (
        location is None or caller.sees_location(location)
    )


# Facts of what may lie at several locations have none. What happens at its own a key of some
# locations is told by parcels, tasks and units; of the whole only what it did itself.
SPREAD_NOUNS = ("order", "reservation", "refund")


def may_see_event(
    caller: Caller, event_type: str, channel: str | None, location: str | None, actor: str
) -> bool:
    """Whether an event exists for the caller; it is of a channel and a location, or of neither."""
    if not is_in_scope(caller, channel, location) or not caller.may_read_event(event_type):
        return False
    is_spread = location is None and event_type.partition(".")[0] in SPREAD_NOUNS
    return not is_spread or caller.locations is None or actor == caller.actor


class StreamError(RequestError):
    """A stream cannot go on; `details` join the code in the error's extensions."""

    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class CursorTooOld(StreamError):
    """The events behind this cursor are no longer kept; `oldest` is the first that is."""

    code = "CURSOR_TOO_OLD"

    def __init__(self, oldest: int) -> None:
        super().__init__(
            f"The events behind this cursor are no longer kept; the oldest one is {oldest}.",
            oldest=str(oldest),
        )


class CursorAhead(StreamError):
    """The log is shorter than the cursor says: it belongs to another log."""

    def __init__(self, newest: int) -> None:
        super().__init__(
            f"The cursor lies ahead of the log, whose newest event is {newest}.",
            newest=str(newest),
        )


class ReaderTooSlow(StreamError):
    """The reader took less than the stream gave, and its buffer is full."""

    code = "RATE_LIMITED"

    def __init__(self, last: int | None) -> None:
        cursor = None if last is None else str(last)
        way_on = f'subscribe again with after: "{cursor}"' if cursor else "subscribe again"
        super().__init__(
            f"This reader is slower than the stream and was closed; {way_on}.", cursor=cursor
        )
