"""Cursors of the event log, and the errors that end a stream at a cursor."""

from __future__ import annotations

from typing import Any, ClassVar

from domain.errors import BadRequest, RequestError

CURSOR_DIGITS_MAX = 18  # fits a bigint


def parse_cursor(text: str) -> int:
    """The position of a cursor; "0" is the position before the oldest event that is kept.

    Raises BadRequest for anything but a decimal number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= CURSOR_DIGITS_MAX):
        raise BadRequest("The cursor is malformed: it is the number that an event came with.")
    return int(text)


class StreamError(RequestError):
    """An error that ends a stream; `details` join the code in the error's extensions."""

    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class CursorTooOld(StreamError):
    """The events after this cursor are no longer kept; `oldest` is the first one that is."""

    code = "CURSOR_TOO_OLD"

    def __init__(self, oldest: int) -> None:
        super().__init__(
            f"The events behind this cursor are no longer kept; the oldest one is {oldest}.",
            oldest=str(oldest),
        )


class CursorAhead(StreamError):
    """The cursor is greater than the newest position: it belongs to another log."""

    def __init__(self, newest: int) -> None:
        super().__init__(
            f"The cursor lies ahead of the log, whose newest event is {newest}.",
            newest=str(newest),
        )


class ReaderTooSlow(StreamError):
    """The subscriber took fewer events than were recorded, and its buffer is full."""

    code = "RATE_LIMITED"

    def __init__(self, last: int | None) -> None:
        cursor = None if last is None else str(last)
        way_on = f'subscribe again with after: "{cursor}"' if cursor else "subscribe again"
        super().__init__(
            f"This reader is slower than the stream and was closed; {way_on}.", cursor=cursor
        )
