"""JSON of large answers: in slices, and with a limit on bytes.

An answer may be much larger as JSON than in memory, where rows are shared. So it is written piece
by piece: a list whose elements hold no lists in groups of ELEMENTS, everything around it in Python.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from server.projection.pace import Pace

ELEMENTS: Final = 100
_OPTIONS: Final = orjson.OPT_UTC_Z


async def encoded_in_slices(answer: Any, bytes_max: int, pace: Pace) -> bytes | None:
    """The JSON of an answer; None if it is larger than the limit."""
    pieces: list[bytes] = []
    size = 0
    for piece in _pieces(answer):
        pieces.append(piece)
        size += len(piece)
        if size > bytes_max:
            return None
        if pace.is_over():
            await pace.turn()
    return b"".join(pieces)


def _pieces(value: Any) -> Iterator[bytes]:
    if type(value) is dict and any(map(_has_list, value.values())):
        separator = b"{"
        for key, inner in value.items():
            yield separator + orjson.dumps(key) + b":"
            yield from _pieces(inner)
            separator = b","
        yield b"}"
    elif type(value) is list and value:
        yield from _pieces_of_list(value)
    else:
        yield orjson.dumps(value, option=_OPTIONS)


def _pieces_of_list(values: list[Any]) -> Iterator[bytes]:
    separator = b"["
    start = 0
    while start < len(values):
        if _has_list(values[start]):
            yield separator
            yield from _pieces(values[start])
            start += 1
        else:
            end = start + 1
            while end < len(values) and end - start < ELEMENTS and not _has_list(values[end]):
                end += 1
            yield separator + orjson.dumps(values[start:end], option=_OPTIONS)[1:-1]
            start = end
        separator = b","
    yield b"]"


def _has_list(value: Any) -> bool:
    """True if a value is a list of objects, or an object that holds one at any depth."""
    if type(value) is dict:
        return any(map(_has_list, value.values()))
    return type(value) is list and bool(value) and not isinstance(value[0], str | int | float)
