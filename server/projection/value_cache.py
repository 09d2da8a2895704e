"""Cache of completed values, for fields whose value depends on a few columns only."""

from itertools import count
from typing import Any, Final, TypeVar

V = TypeVar("V")

# One bound for all fields of all documents: about 10 MB.
VALUES_MAX: Final = 16_384

# A number for each field of a compiled document, so that fields do not share entries.
FIELDS: Final = count()
KNOWN: Final[dict[tuple[Any, ...], Any]] = {}


def keep(key: tuple[Any, ...], value: V) -> V:
    """Store a value. `key`: the number of the field, then the values of its columns."""
    if len(KNOWN) >= VALUES_MAX:
        KNOWN.clear()
    KNOWN[key] = value
    return value
