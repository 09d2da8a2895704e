"""Integrations: kinds, statuses and order of messages."""

from enum import StrEnum
from typing import Final


class IntegrationKind(StrEnum):
    """Kind of outside system."""

    PAYMENTS = "PAYMENTS"
    """The payment gateway of the settings."""
    CARRIER = "CARRIER"
    """A carrier of the settings."""
    CHANNEL = "CHANNEL"
    """A marketplace or shop that shows the stock of a channel."""
    WEBHOOK = "WEBHOOK"
    """An endpoint that gets events as signed HTTP messages."""


class IntegrationStatus(StrEnum):
    """State of an integration: if it works, and if it is called."""

    HEALTHY = "HEALTHY"
    """Calls succeed."""
    DEGRADED = "DEGRADED"
    """Too many calls fail or are slow, or messages wait too long. It is called as usual."""
    DOWN = "DOWN"
    """Calls fail. Only a probe is made from time to time."""
    RECOVERING = "RECOVERING"
    """A call succeeded after DOWN or PAUSED. The number of concurrent calls rises step by step."""
    PAUSED = "PAUSED"
    """A person or a rule has stopped all calls. What is to be sent waits."""
    OFF = "OFF"
    """It is switched off. Nothing is kept for it."""


class Ordering(StrEnum):
    """Order in which a webhook gets its messages."""

    STRICT = "STRICT"
    """One at a time, by cursor. A message that fails stops those after it."""
    SUBJECT = "SUBJECT"
    """By cursor for each subject. Messages about different subjects are sent at the same time."""
    NONE = "NONE"
    """In any order."""


# Statuses in which nothing but a test message is sent.
STILL: Final = frozenset({IntegrationStatus.PAUSED, IntegrationStatus.OFF})
