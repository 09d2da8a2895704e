"""graphql-transport-ws: messages as text, and close codes.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from server.operations.answers import encoded

SUBPROTOCOL = "graphql-transport-ws"
ID_LENGTH_MAX = 128
REASON_BYTES_MAX = 120  # of the 123 that a close frame has room for

ACK = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


class Code(IntEnum):
    """Close codes of a WebSocket."""

    NORMAL = 1000
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    TRY_LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    SUBPROTOCOL = 4406
    NO_INIT = 4408
    DUPLICATE = 4409
    TOO_MANY = 4429


class Closing(Exception):
    """Closing of a WebSocket, with a code and one sentence for people."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A well-formed message of a client. `id` is empty where the type has none."""

    type: str
    id: str
    payload: Mapping[str, Any] | None


_WITH_ID = frozenset({"subscribe", "complete"})
_WITHOUT_ID = frozenset({"connection_init", "ping", "pong"})


def message_of(text: str | None) -> ClientMessage:
    """The message in a frame; None is a binary frame. Raises Closing (4400)."""
    if text is None:
        raise _bad("Messages are text frames.")
    try:
        value = orjson.loads(text)
    except ValueError:
        raise _bad("A message is not valid JSON.") from None
    if not isinstance(value, dict):
        raise _bad("A message must be a JSON object.")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _WITH_ID | _WITHOUT_ID:
        raise _bad("A message has an unknown type.")
    payload = value.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _bad(f"The payload of {kind} must be an object.")
    if kind in _WITHOUT_ID:
        return ClientMessage(kind, "", payload)
    message_id = value.get("id")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= ID_LENGTH_MAX:
        raise _bad(f"The id of {kind} must be a string of 1 to {ID_LENGTH_MAX} characters.")
    if kind == "subscribe" and payload is None:
        raise _bad("The message subscribe needs a payload.")
    return ClientMessage(kind, message_id, payload)


def _bad(reason: str) -> Closing:
    return Closing(Code.BAD_MESSAGE, reason)


def dumped(value: Any) -> str:
    """JSON text."""
    return encoded(value).decode()


class Frames:
    """The frames of one operation: its id is written once."""

    __slots__ = ("_error", "_next", "complete")

    def __init__(self, message_id: str) -> None:
        quoted = dumped(message_id)
        self._next = f'{{"id":{quoted},"type":"next","payload":'
        self._error = f'{{"id":{quoted},"type":"error","payload":'
        self.complete = f'{{"id":{quoted},"type":"complete"}}'

    def next(self, answer: str) -> str:
        """The frame of a result in JSON."""
        return f"{self._next}{answer}}}"

    def error(self, errors: list[dict[str, Any]]) -> str:
        """The frame of the errors that end the operation."""
        return f"{self._error}{dumped(errors)}}}"
