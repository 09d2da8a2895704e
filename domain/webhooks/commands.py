"""Commands on messages of integrations."""

from dataclasses import dataclass
from uuid import UUID

from domain.values.codes import store_codes

REPLAY_MAX = 1_000_000
RETRIED_MAX = 250


@dataclass(frozen=True, slots=True)
class RetryMessages:
    """Send messages again."""

    ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class SkipMessage:
    """Decide that a message is not sent."""

    message_id: UUID
    note: str


@dataclass(frozen=True, slots=True)
class ReplayEvents:
    """Send the events after a cursor, up to and including another, again; None: all so far."""

    code: str
    after: str
    until: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class SendTest:
    """Send a test message."""

    code: str

    def __post_init__(self) -> None:
        store_codes(self, "code")
