"""The limit of lists that have no pages."""

from collections.abc import Sequence
from typing import TypeVar

from domain.errors import BadRequest

T = TypeVar("T")


def whole_list(rows: Sequence[T], limit: int, what: str) -> Sequence[T]:
    """The rows of a list without pages. Raises BadRequest for more than `limit`."""
    if len(rows) > limit:
        raise BadRequest(
            f"There are more than {limit:,} {what}, and this list has no pages. Ask for single"
            " ones, or use the filters of the list."
        )
    return rows
