"""Events of messages of integrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.events.payloads import EventPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePayload(EventPayload):
    """The payload of every event of a message."""

    subject_type: ClassVar[str] = "Message"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    code: str
    """Code of the integration."""
    message_type: str
    """Type of the message, as `order.placed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParked(MessagePayload):
    """All attempts to deliver a message have failed."""

    type: ClassVar[str] = "message.parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSkipped(MessagePayload):
    """A person decided that a message is not sent."""

    type: ClassVar[str] = "message.skipped"
