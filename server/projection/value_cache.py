"""What the projection remembers: finished values of fields that a few columns decide."""

from itertools import count
from typing import Any, Final, TypeVar

V = TypeVar("V")

# Of all fields of all documents together: some 10 MB, however many documents there are.
REMEMBERED_MAX: Final = 16_384

# Numbers for fields of compiled documents, so that no field finds what is another one's.
FIELDS: Final = count()
KNOWN: Final[dict[tuple[Any, ...], Any]] = {}


def keep(key: tuple[Any, ...], value: V) -> V:
    """Remember the value of a field for its columns, `key`: the field's number and theirs."""
    if len(KNOWN) >= REMEMBERED_MAX:
        KNOWN.clear()
    KNOWN[key] = value
    return value
