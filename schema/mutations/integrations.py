"""Inputs, commands and payload of the mutations on integrations."""

import strawberry
from strawberry import ID, UNSET

from domain.errors import Invalid
from domain.integrations.addresses import EndpointRefused, check_url, is_simulator
from domain.integrations.commands import (
    FeedChoices,
    PauseIntegration,
    ResumeIntegration,
    RotateSecret,
    UpsertIntegration,
    WebhookChoices,
)
from integrations.outbound.client import OutboundClient
from integrations.outbound.connections import AddressRefused
from schema.fields.arguments import given
from schema.fields.enums import IntegrationKind, Ordering
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.fields.unread import stand_in
from schema.types.integrations.systems import Integration

OVERLAP_DEFAULT = 86_400
_URL = ("input", "url")


@strawberry.input
class WebhookInput:
    """Settings of a webhook."""

    events: list[str] | None = UNSET
    """Types of events, at most 100; `refund.*` takes all of a noun. Absent: all, for a new webhook.
    """
    ordering: Ordering | None = UNSET
    """Absent: SUBJECT, for a new webhook."""
    api_key_id: ID | None = UNSET
    """Id of the API key whose view of the events it gets. Absent: the caller's, for a new webhook.
    """
    after: str | None = UNSET
    """Cursor after which a new webhook begins; "0": the oldest event that is kept. Absent: now."""

    def to_choices(self) -> WebhookChoices:
        """A part of the command. Raises NotFound."""
        key, events = given(self.api_key_id), given(self.events)
        path = ("input", "webhook", "apiKeyId")
        return WebhookChoices(
            events=None if events is None else tuple(events),
            ordering=given(self.ordering),
            api_key_id=None if key is None else required_uuid("ApiKey", key, *path),
            after=given(self.after),
        )


@strawberry.input
class FeedInput:
    """Settings of the feed of a channel. Durations are ISO 8601, such as PT5M."""

    channel: str
    """Code of the sales channel."""
    pushes_per_minute: int | None = UNSET
    """Most pushes of stock in a minute: 1 to 6,000. Absent: 600, for a new feed."""
    batch_max: int | None = UNSET
    """Most SKUs in a push: 1 to 1,000. Absent: 500, for a new feed."""
    pull_every: str | None = UNSET
    """Time between two reads of the channel's messages. Absent: PT5S, for a new feed."""
    compare_every: str | None = UNSET
    """Time between two comparisons of the stock that is shown. Absent: PT15M, for a new feed."""
    refunds: bool | None = UNSET
    """True: refunds of the channel's orders are paid by the channel. Absent: false."""

    def to_choices(self) -> FeedChoices:
        """A part of the command."""
        return FeedChoices(
            channel=self.channel,
            pushes_per_minute=given(self.pushes_per_minute),
            batch_max=given(self.batch_max),
            pull_every=given(self.pull_every),
            compare_every=given(self.compare_every),
            refunds=given(self.refunds),
        )


@strawberry.input
class IntegrationInput:
    """A webhook or a channel. Absent fields stay as they are."""

    code: str
    """Code of the integration, unique; it stays."""
    kind: IntegrationKind
    """WEBHOOK or CHANNEL; it stays."""
    name: str | None = UNSET
    """Name for people, of at most 255 characters. Absent: the code, for a new integration."""
    url: str | None = UNSET
    """Address: `https://`, without user, password and fragment; of a channel also `simulator` or
    `simulator?chaos=SEED`. Required for a new integration.
    """
    active: bool | None = UNSET
    """False: it is OFF, and nothing is kept for it. True again: it begins at now."""
    webhook: WebhookInput | None = UNSET
    """Settings of a webhook."""
    feed: FeedInput | None = UNSET
    """Settings of the feed; required for a new channel."""

    def to_command(self, *, is_refused: bool) -> UpsertIntegration:
        """The command. `is_refused`: the address must not be called."""
        webhook, feed = given(self.webhook), given(self.feed)
        if is_refused:
            stand_in(None, EndpointRefused(field=_URL), _URL)
        return UpsertIntegration(
            code=self.code,
            kind=self.kind,
            name=given(self.name),
            url=given(self.url),
            active=given(self.active),
            webhook=None if webhook is None else webhook.to_choices(),
            feed=None if feed is None else feed.to_choices(),
        )


async def is_refused(input: IntegrationInput, outbound: OutboundClient) -> bool:
    """True if the address has the right form and must not be called. Resolves its host."""
    url = given(input.url)
    if url is None or is_simulator(url):
        return False
    try:
        check_url(url, input.kind)
    except Invalid:
        return False  # the command is refused for it
    try:
        await outbound.check(url)
    except AddressRefused:
        return True
    return False


def rotate(code: str, overlap_seconds: int | None) -> RotateSecret:
    """The command."""
    return RotateSecret(code, OVERLAP_DEFAULT if overlap_seconds is None else overlap_seconds)


def pause(code: str, note: str) -> PauseIntegration:
    """The command."""
    return PauseIntegration(code, note)


def resume(code: str) -> ResumeIntegration:
    """The command."""
    return ResumeIntegration(code)


@strawberry.type
class IntegrationPayload(Payload):
    """An integration that was made or changed, and its secret if that is new."""

    integration: Integration | None
    """Null if the mutation was refused."""
    replayed: bool
    user_errors: list[UserError]
    secret: str | None = None
    """Text of a new secret, `whsec_…`. It is returned only once; null in a replay, and if
    RESTOW_SECRETS_KEY is not set.
    """
