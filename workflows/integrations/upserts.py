"""Upserts of webhooks and channels. Payment gateway and carriers follow the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.events.event_archive as archive_queries
import models.queries.events.event_log as event_log
import workflows.integrations.records as records
import workflows.integrations.secrets as secrets
import workflows.integrations.webhook_keys as webhook_keys
from domain.access.callers import Caller
from domain.errors import AlreadyExists, BadRequest, Invalid, NotFound
from domain.events.catalog import changed_fields
from domain.events.cursors import parse_cursor
from domain.events.integrations.systems import IntegrationUpserted
from domain.integrations.commands import FeedChoices, UpsertIntegration, WebhookChoices
from domain.integrations.states import IntegrationKind, IntegrationStatus, Ordering
from domain.integrations.validation import FEED_DEFAULTS, UPSERTED, check_upsert, feed_facts
from domain.problems import Problems
from models.integrations import Integration
from workflows.integrations.event_choices import check_choices
from workflows.integrations.records import WRITE
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

_NO_CHOICES = WebhookChoices()


@dataclass(slots=True)
class _Wanted:
    """The columns that an upsert sets, and the position at which a webhook begins."""

    facts: dict[str, Any] = field(default_factory=dict)
    begins_at: int | None = None


@one_by_one("integrationUpsert")
async def upsert(tx: Transaction, command: UpsertIntegration, caller: Caller) -> Outcome:
    """Create or change a webhook or a channel. The secret of a new one is returned once.

    Locks the integration. All faults are reported together: Invalid, LimitExceeded, NotFound, or
    AlreadyExists for a code, or a channel, that another integration has. Raises Forbidden for a
    channel unless the caller may write all integrations. Records `integration.upserted`, and
    `integration.healthy` or `integration.off` if `active` changes.
    """
    if command.kind is not IntegrationKind.WEBHOOK:
        caller.require(WRITE)
    problems = Problems()
    check_upsert(command, problems)
    problems.refuse_excess("input")
    current = await records.lock_coded(tx, command.code)
    with problems.under():
        await _check_current(tx, current, command, caller)
    wanted = _Wanted()
    _set_plain(current, command, wanted, problems)
    is_of_kind = current is None or current.kind == command.kind
    if is_of_kind and command.kind is IntegrationKind.WEBHOOK:
        await _set_webhook(tx, current, command, caller, wanted, problems)
    elif is_of_kind and command.kind is IntegrationKind.CHANNEL:
        await _set_feed(tx, current, command, caller, wanted, problems)
    problems.refuse("input")
    if current is None:
        return await _create(tx, command, caller, wanted)
    await _update(tx, current, command, caller, wanted)
    return Outcome(refs={"integration": current.id})


async def _check_current(
    tx: Transaction, current: Integration | None, command: UpsertIntegration, caller: Caller
) -> None:
    """Raise AlreadyExists for the code of an unseen integration, Invalid for another kind."""
    if current is None or current.kind not in UPSERTED:  # of the settings: the code is refused
        return
    is_own = caller.acts_as(current.actor) or caller.may(WRITE)
    if not is_own or not await records.is_seen(tx, current, caller):
        raise AlreadyExists("integration", command.code, None, field=("code",))
    if current.kind != command.kind:
        raise Invalid(
            f"The kind of an integration stays: {current.code} is of kind {current.kind}.",
            field=("kind",),
        )


def _set_plain(
    current: Integration | None, command: UpsertIntegration, wanted: _Wanted, problems: Problems
) -> None:
    if command.name is not None:
        wanted.facts["name"] = command.name
    if command.url is not None:
        wanted.facts["url"] = command.url
    elif current is None:
        with problems.under():
            raise Invalid("A new integration needs an address.", field=("url",))


async def _set_webhook(
    tx: Transaction,
    current: Integration | None,
    command: UpsertIntegration,
    caller: Caller,
    wanted: _Wanted,
    problems: Problems,
) -> None:
    choices = command.webhook or _NO_CHOICES
    holder: Caller | None = None
    with problems.under():
        if current is None or choices.api_key_id is not None:
            holder = await webhook_keys.chosen_key(tx, choices.api_key_id, caller)
            wanted.facts |= {"api_key_id": holder.key_id, "actor": holder.actor}
        else:
            holder = await webhook_keys.holder_of(tx, current)
    if choices.events is not None and holder is not None:
        with problems.under("webhook", "events"):
            check_choices(choices.events, webhook_keys.receiver(holder))
        wanted.facts["events"] = list(dict.fromkeys(choices.events))
    if choices.ordering is not None:
        wanted.facts["ordering"] = choices.ordering.value
    begins_anew = current is None or (
        current.status == IntegrationStatus.OFF and command.active is True
    )
    with problems.under("webhook", "after"):
        if choices.after is not None and not begins_anew:
            raise Invalid(
                "Only a new webhook has a beginning. integrationReplay sends earlier events again."
            )
        if begins_anew:
            wanted.begins_at = await _beginning(tx, choices.after)


async def _beginning(tx: Transaction, after: str | None) -> int:
    """The position after which a webhook begins. Raises Invalid if it is not in the log."""
    newest = await event_log.last_position(tx.session)
    if after is None:
        return newest
    await archive_queries.hold_retention(tx.session)
    try:
        position = parse_cursor(after)
    except BadRequest as error:
        raise Invalid(error.message) from None
    oldest = await event_log.first_position(tx.session) or 1
    if position == 0:
        return oldest - 1
    if not oldest - 1 <= position <= newest:
        raise Invalid(
            f"The cursor is not in the log; allowed: 0, and {oldest - 1} to {newest}.",
            details={"oldest": str(oldest), "newest": str(newest)},
        )
    return position


async def _set_feed(
    tx: Transaction,
    current: Integration | None,
    command: UpsertIntegration,
    caller: Caller,
    wanted: _Wanted,
    problems: Problems,
) -> None:
    feed = command.feed
    if feed is None:
        with problems.under("feed"):
            if current is None:
                raise Invalid("A new integration of kind CHANNEL needs the channel of its feed.")
        return
    wanted.facts |= feed_facts(feed)
    with problems.under("feed", "channel"):
        wanted.facts["channel_id"] = await _channel_id(tx, current, feed, caller)
    if current is None:
        wanted.facts["actor"] = caller.actor


async def _channel_id(
    tx: Transaction, current: Integration | None, feed: FeedChoices, caller: Caller
) -> int:
    """The id of a feed's channel, which no other integration may have."""
    found = (await lookups.channels_by_code(tx.session, [feed.channel])).get(feed.channel)
    if found is None or not caller.sees_channel(feed.channel):
        raise NotFound("channel", feed.channel)
    if current is not None and current.channel_id != found.id:
        raise Invalid("The channel of an integration stays. Create another integration.")
    of_channel = Integration.filter(channel_id=found.id).using_db(tx.session.client)
    other = await of_channel.first()
    if other is not None and (current is None or other.id != current.id):
        raise AlreadyExists("integration of the channel", feed.channel, str(other.id))
    return found.id


async def _create(
    tx: Transaction, command: UpsertIntegration, caller: Caller, wanted: _Wanted
) -> Outcome:
    is_off = command.active is False
    status = IntegrationStatus.OFF if is_off else IntegrationStatus.HEALTHY
    facts: dict[str, Any] = {"name": command.code}
    if command.kind is IntegrationKind.WEBHOOK:
        facts |= {"ordering": Ordering.SUBJECT.value, "events": None}
        facts |= {"position": wanted.begins_at, "fed_position": wanted.begins_at}
    else:
        facts |= FEED_DEFAULTS
    facts |= wanted.facts
    created = await Integration.create(
        using_db=tx.session.client,
        id=tx.new_id(),
        code=command.code,
        kind=command.kind.value,
        status=status.value,
        status_since_at=tx.now,
        status_reasons=[],
        created_by=caller.actor,
        created_at=tx.now,
        updated_at=tx.now,
        **facts,
    )
    secret = await secrets.mint(tx, created, 1)
    _report(tx, created, caller, None, {"code": created.code, "status": status.value, **facts})
    return Outcome(refs={"integration": created.id}, secret=secret)


async def _update(
    tx: Transaction,
    current: Integration,
    command: UpsertIntegration,
    caller: Caller,
    wanted: _Wanted,
) -> None:
    before = {column: getattr(current, column) for column in wanted.facts}
    after = {column: value for column, value in wanted.facts.items() if value != before[column]}
    before = {column: before[column] for column in after}
    await _switch(tx, current, command, caller, wanted.begins_at)
    if not after:
        return
    await records.change(tx, current, after)
    _report(tx, current, caller, before, after)


async def _switch(
    tx: Transaction,
    current: Integration,
    command: UpsertIntegration,
    caller: Caller,
    begins_at: int | None,
) -> None:
    """Switch an integration off, or on again; a webhook then begins at `begins_at`."""
    is_off = current.status == IntegrationStatus.OFF
    if command.active is None or command.active is not is_off:
        return
    status = IntegrationStatus.HEALTHY if command.active else IntegrationStatus.OFF
    before = {"status": current.status}
    more = None if begins_at is None else {"position": begins_at, "fed_position": begins_at}
    await records.set_status(tx, current, status, [], caller.actor, more)
    after = {"status": status.value, **(more or {})}
    records.audit(tx, current, caller, "integrationUpsert", before, after)


def _report(
    tx: Transaction,
    integration: Integration,
    caller: Caller,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    event = IntegrationUpserted(
        code=integration.code,
        kind=IntegrationKind(integration.kind),
        created=before is None,
        changed=changed_fields(after),
    )
    records.record(tx, integration, event, caller.actor)
    shown = {name: str(each) if isinstance(each, UUID) else each for name, each in after.items()}
    records.audit(tx, integration, caller, "integrationUpsert", before, shown)
