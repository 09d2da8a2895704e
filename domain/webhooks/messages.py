"""Messages of integrations: their direction and status, and the steps that people may take."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID, uuid5

TEST_TYPE: Final = "integration.test"
RESPONSE_MAX: Final = 1_024


class MessageDirection(StrEnum):
    """Direction of a message."""

    OUT = "OUT"
    """From Restow to the integration."""
    IN = "IN"
    """From the integration to Restow."""


class MessageStatus(StrEnum):
    """State of a message."""

    PENDING = "PENDING"
    """It waits for its first attempt."""
    RETRYING = "RETRYING"
    """It was not accepted, and is sent again at `nextAttemptAt`."""
    DONE = "DONE"
    """It was accepted."""
    PARKED = "PARKED"
    """All attempts have failed. A person sends it again or skips it."""
    SKIPPED = "SKIPPED"
    """It is not sent: a person has skipped it, or the integration was switched off."""


UNSETTLED: Final = frozenset({MessageStatus.PENDING, MessageStatus.RETRYING})

# The next statuses that a person may give a message, by messageRetry and messageSkip.
MANUAL_TRANSITIONS: Final[Mapping[MessageStatus, frozenset[MessageStatus]]] = MappingProxyType(
    {
        MessageStatus.PENDING: frozenset({MessageStatus.SKIPPED}),
        MessageStatus.RETRYING: frozenset({MessageStatus.SKIPPED}),
        MessageStatus.DONE: frozenset({MessageStatus.PENDING}),
        MessageStatus.PARKED: frozenset({MessageStatus.PENDING, MessageStatus.SKIPPED}),
        MessageStatus.SKIPPED: frozenset(),
    }
)


def message_id(integration_id: UUID, event_id: int) -> UUID:
    """The id of the message that sends an event to a webhook; the same in each replay."""
    return uuid5(integration_id, str(event_id))
