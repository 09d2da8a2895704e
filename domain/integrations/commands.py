"""Commands on integrations."""

from dataclasses import dataclass
from uuid import UUID

from domain.integrations.states import IntegrationKind, Ordering
from domain.values.codes import store_codes


@dataclass(frozen=True, slots=True)
class WebhookChoices:
    """Settings of a webhook; None: unchanged, or the default of a new one.

    `after`: the cursor after which a new webhook begins; None: now.
    """

    events: tuple[str, ...] | None = None
    ordering: Ordering | None = None
    api_key_id: UUID | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class FeedChoices:
    """Settings of a channel's feed; None: unchanged, or the default of a new one.

    `pull_every` and `compare_every` are durations of ISO 8601.
    """

    channel: str
    pushes_per_minute: int | None = None
    batch_max: int | None = None
    pull_every: str | None = None
    compare_every: str | None = None
    refunds: bool | None = None

    def __post_init__(self) -> None:
        store_codes(self, "channel")


@dataclass(frozen=True, slots=True)
class UpsertIntegration:
    """Create or change an integration; None: the field stays as it is."""

    code: str
    kind: IntegrationKind
    name: str | None = None
    url: str | None = None
    active: bool | None = None
    webhook: WebhookChoices | None = None
    feed: FeedChoices | None = None

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Give an integration a new secret; the old one is valid for `overlap_seconds` more."""

    code: str
    overlap_seconds: int

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class PauseIntegration:
    """Stop all calls of an integration."""

    code: str
    note: str

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class ResumeIntegration:
    """Allow calls of a paused integration again."""

    code: str

    def __post_init__(self) -> None:
        store_codes(self, "code")
