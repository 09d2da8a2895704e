"""Integrations: outside systems with their status, and their secrets."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import strawberry

from domain.integrations.figures import figures
from domain.integrations.health import WaitingWork
from models.integrations import IntegrationHealthRow, IntegrationRow, IntegrationSecretRow
from models.queries.integrations.health import health_record
from schema.fields.edges import edge
from schema.fields.enums import IntegrationKind, IntegrationStatus, Ordering
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from schema.types.catalog import Channel, channel_edge
from server.projection.records import column, derived, made


@strawberry.type
class IntegrationSecret:
    """A secret that signs messages from and to an integration. Its text is not readable."""

    hint: str
    """Last characters of the secret, by which people recognize it."""
    created_at: datetime
    expires_at: datetime | None
    """End of validity; null: it does not expire."""


@strawberry.type
class IntegrationFigures:
    """Calls of an integration in the last 5 minutes, and the work that waits for it now."""

    calls: int
    """Number of calls; a retry is a call of its own."""
    failures: int
    """Calls without an answer, or with one that states no outcome."""
    throttled: int
    """Calls that were answered with 429. They are no failures."""
    p50_ms: int | None
    """Milliseconds that half of the calls did not exceed; null without calls."""
    p99_ms: int | None
    """Milliseconds that 99 % of the calls did not exceed; null without calls."""
    backlog: int
    """Number of refunds, labels or messages that wait to be sent; at most 10,000 are counted."""
    oldest_seconds: int
    """Age of the oldest of them; 0 if none waits."""
    last_success_at: datetime | None
    """Time of the last successful call, also before the last 5 minutes."""


def _figures(integration: "Integration", found: IntegrationHealthRow | None) -> IntegrationFigures:
    now = integration.context.now
    record = found and health_record(found)
    sums = figures(record.buckets if record else (), now)
    backlog = record.backlog if record else WaitingWork()
    return IntegrationFigures(
        calls=sums.calls,
        failures=sums.failures,
        throttled=sums.throttled,
        p50_ms=_milliseconds(sums.p50),
        p99_ms=_milliseconds(sums.p99),
        backlog=backlog.count,
        oldest_seconds=int(backlog.age(now).total_seconds()),
        last_success_at=record.last_success_at if record else None,
    )


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration / timedelta(milliseconds=1))


def _secrets(
    integration: "Integration", found: Sequence[IntegrationSecretRow] | None
) -> list[IntegrationSecret]:
    """The secrets that are valid at the time of the operation, newest first."""
    now = integration.context.now
    return [
        IntegrationSecret(
            hint=row["hint"], created_at=row["created_at"], expires_at=row["expires_at"]
        )
        for row in found or ()
        if row["expires_at"] is None or row["expires_at"] > now
    ]


def _actor(integration: "Integration") -> str:
    actor: str = integration.row["actor"]
    return integration.context.caller.shown_actor(actor)


def _texts(stored: Any) -> Any:
    return json_of(stored)


def _position(row: IntegrationRow) -> str | None:
    return None if row["position"] is None else str(row["position"])


@found_by(lambda loaders: loaders.integrations)
@strawberry.type
class Integration(Node):
    """An outside system: the payment gateway, a carrier, a channel, or a webhook.

    The payment gateway (`payments`) and the carriers (`carriers/…`) follow the settings. Webhooks
    and channels are made with `integrationUpsert`.
    """

    code: str
    kind: IntegrationKind
    name: str
    """Name for people."""
    url: str | None
    """Address, without credentials."""
    status: IntegrationStatus
    status_since: datetime = column("status_since_at")
    """Time of the last change of the status."""
    status_reasons: list[str] = derived(lambda each: _texts(each.row["status_reasons"]))
    """Reasons for the status, as text for people."""
    actor: str = derived(_actor)
    """Actor that it belongs to. A webhook gets the events that its API key may see."""
    secrets: list[IntegrationSecret] = edge(
        lambda loaders: loaders.secrets_of_integration, "id", made(_secrets), rows=2
    )
    """Valid secrets, newest first; at most two."""
    figures: IntegrationFigures = edge(
        lambda loaders: loaders.health_of_integration, "id", made(_figures), rows=1
    )
    """Figures of its calls, for all processes; they are at most 2 seconds old."""
    position: str | None = derived(lambda each: _position(cast("IntegrationRow", each.row)))
    """Webhook: every event up to this cursor is settled. Null for other kinds."""
    events: list[str] | None = derived(lambda each: _texts(each.row["events"]))
    """Webhook: types of events that it gets, `refund.*` for all of a noun; null: all."""
    ordering: Ordering | None
    """Webhook: order of its messages. Null for other kinds."""
    channel: Channel | None = channel_edge("channel_id")
    """Channel: the sales channel whose stock it shows. Null for other kinds."""
