"""Refusals of operations that exceed a budget while they run."""

from server.operations.errors import RequestRefused, bad_request

UNAVAILABLE = "UNAVAILABLE"
_ADVICE = "Ask for smaller pages, or for fewer nested lists"


def took_too_long(seconds: float) -> RequestRefused:
    """The refusal of a query that was stopped."""
    return RequestRefused(
        UNAVAILABLE,
        503,
        f"The query was stopped after {seconds:g} seconds. {_ADVICE}, or try again later.",
        headers={"Retry-After": "1"},
    )


def too_large(most: int) -> RequestRefused:
    """The refusal of an answer with too many bytes."""
    return bad_request(f"The answer has more than {most:,} bytes. {_ADVICE}.")


def too_many_rows(most: int) -> RequestRefused:
    """The refusal of an answer with too many objects."""
    return bad_request(f"The answer has more than {most:,} objects. {_ADVICE}.")
