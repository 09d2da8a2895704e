"""Instants in texts from outside, in the range that both database engines store."""

from datetime import UTC, datetime
from typing import Final

YEAR_MIN: Final = 1900
YEARS: Final = f"in the years from {YEAR_MIN} to 9999"


def instant_in(text: str) -> datetime | None:
    """The instant of an ISO 8601 text, in UTC; None without an offset, or beyond `YEARS`.

    Raises ValueError unless the text is an ISO 8601 date or instant.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        return None
    try:
        instant = instant.astimezone(UTC)
    except OverflowError:
        return None
    return None if instant.year < YEAR_MIN else instant
