"""Policies: publication of versions, and look-up of the version that decides a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, Literal, TypeVar, overload

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.policies as policy_queries
import workflows.policies.rollout_guard as rollout_guard
from domain.access.callers import Caller
from domain.errors import DomainError, Forbidden, NotFound
from domain.events.payloads import encode
from domain.events.policies import PolicyPublished
from domain.policies.adjustments import AdjustmentRules
from domain.policies.continuity import ContinuityRules
from domain.policies.counts import CountRules
from domain.policies.dispositions import DispositionRules
from domain.policies.exceptions import ExceptionRules
from domain.policies.fulfillments import FulfillmentRules
from domain.policies.policies import (
    Facts,
    PolicyKind,
    PolicyScope,
    PolicyVersion,
    Rules,
    choose,
    parse_rules,
    parse_scope,
    scope_for,
    takes_effect,
)
from domain.policies.refunds import RefundRules
from domain.policies.returns import ReturnRules
from domain.policies.rollout import RolloutRules
from domain.policies.routing import RoutingRules
from domain.problems import Problems
from models.database.sessions import Session
from models.database.sql import Question
from models.policies import Policy, PolicyRow, PolicyStart
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

AnyRules = TypeVar("AnyRules", bound=Rules)
# Above every published version: a version that is not published yet decides in its scope.
UNPUBLISHED: Final = 2**31
Found = tuple[PolicyVersion[AnyRules], ...]


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """A new version of the rules of a kind for a scope. `effective_from` None: at once.

    `replaces` is the version that the caller has read. If another one was published since, the
    transaction conflicts and is run again. None: whatever the last version is.
    """

    kind: PolicyKind
    scope: str
    rules: Mapping[str, Any]
    effective_from: datetime | None = None
    replaces: int | None = None


# fmt: off
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.ROUTING], now: datetime) -> Found[RoutingRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.RETURN], now: datetime) -> Found[ReturnRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.DISPOSITION], now: datetime) -> Found[DispositionRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.REFUND], now: datetime) -> Found[RefundRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.ADJUSTMENT], now: datetime) -> Found[AdjustmentRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.EXCEPTION], now: datetime) -> Found[ExceptionRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.FULFILLMENT], now: datetime) -> Found[FulfillmentRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.COUNT], now: datetime) -> Found[CountRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.CONTINUITY], now: datetime) -> Found[ContinuityRules]: ...  # noqa: E501
@overload
async def in_force(session: Session, kind: Literal[PolicyKind.ROLLOUT], now: datetime) -> Found[RolloutRules]: ...  # noqa: E501
# fmt: on


async def in_force(session: Session, kind: PolicyKind, now: datetime) -> Found[Any]:
    """The policies of a kind in force at `now`, one version per scope. Sends one query."""
    return await session.answer(policy_queries.in_force(kind, now, partial(_read_all, kind)))


async def every_rollout(session: Session) -> Found[RolloutRules]:
    """All published versions of ROLLOUT, also superseded ones."""
    rows = await policy_queries.every_version(session, PolicyKind.ROLLOUT)
    return _read_all(PolicyKind.ROLLOUT, rows)


@dataclass(frozen=True, slots=True, eq=False)
class SourcingPolicies:
    """The policies in force that choose locations, and those that say where they decide."""

    routing: Found[RoutingRules]
    rollout: Found[RolloutRules]


def sourcing_in_force(now: datetime) -> Question[SourcingPolicies]:
    """Query for the ROUTING and ROLLOUT policies in force at `now`, to be sent with others."""
    return policy_queries.sourcing_in_force(now, _read_sourcing)


def _read_sourcing(rows: Sequence[PolicyRow]) -> SourcingPolicies:
    routing = [row for row in rows if row["kind"] == PolicyKind.ROUTING]
    rollout = [row for row in rows if row["kind"] == PolicyKind.ROLLOUT]
    return SourcingPolicies(
        _read_all(PolicyKind.ROUTING, routing), _read_all(PolicyKind.ROLLOUT, rollout)
    )


def _read_all(kind: PolicyKind, rows: Sequence[PolicyRow]) -> Found[Any]:
    return tuple(
        _read(kind, row["scope"], row["version"], row["effective_from_at"], row["rules"])
        for row in rows
    )


# Each kind takes the facts that its scopes name (domain/policies/policies.py: SCOPES). They have no
# default, so that no decision can forget one.
# fmt: off
@overload
async def decide(session: Session, kind: Literal[PolicyKind.RETURN], now: datetime, *, channel: str, category: str | None) -> PolicyVersion[ReturnRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.DISPOSITION], now: datetime, *, location: str, category: str | None) -> PolicyVersion[DispositionRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.REFUND], now: datetime, *, channel: str, category: str | None) -> PolicyVersion[RefundRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.ADJUSTMENT], now: datetime, *, location: str, category: str | None) -> PolicyVersion[AdjustmentRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.FULFILLMENT], now: datetime, *, channel: str | None, location: str) -> PolicyVersion[FulfillmentRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.EXCEPTION], now: datetime, *, location: str | None, channel: str | None) -> PolicyVersion[ExceptionRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.COUNT], now: datetime, *, location: str, category: str | None) -> PolicyVersion[CountRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.CONTINUITY], now: datetime, *, channel: str | None, location: str | None) -> PolicyVersion[ContinuityRules]: ...  # noqa: E501
@overload
async def decide(session: Session, kind: Literal[PolicyKind.ROLLOUT], now: datetime, *, channel: str, location: str | None) -> PolicyVersion[RolloutRules]: ...  # noqa: E501
# fmt: on


async def decide(
    session: Session,
    kind: PolicyKind,
    now: datetime,
    *,
    channel: str | None = None,
    category: str | None = None,
    location: str | None = None,
) -> PolicyVersion[Any]:
    """The policy of a kind that decides a case at `now`. None: the case has no such code."""
    found: Found[Any] = await in_force(session, kind, now)  # type: ignore[call-overload]
    return choose(found, Facts(channel, category, location), now)


async def refund_policy(session: Session, scope: str, version: int) -> PolicyVersion[RefundRules]:
    """The REFUND policy that a refund was decided by; it may have been superseded since."""
    row = await policy_queries.published(session, PolicyKind.REFUND, scope, version)
    assert row is not None
    kind = PolicyKind.REFUND
    return _read(kind, row["scope"], row["version"], row["effective_from_at"], row["rules"])


@lru_cache(maxsize=1_024)
def _read(
    kind: PolicyKind, scope: str, version: int, effective_from: datetime, rules: str
) -> PolicyVersion[Any]:
    """A row as a typed document. It is cached: rows of policies never change."""
    document = parse_rules(kind, orjson.loads(rules))
    return PolicyVersion(kind, parse_scope(scope), version, effective_from, document)


@one_by_one("policyPublish")
async def publish(tx: Transaction, command: PublishPolicy, caller: Caller) -> Mapping[str, Any]:
    """Add the next version of a kind and scope.

    Raises Forbidden if the role may not publish this kind, else all faults at once: Invalid with
    the path of each fault in the rules or for a scope that the kind cannot have, and NotFound for a
    channel or location in the scope. Then raises PolicyViolation for each domain that must not
    become LIVE yet. Records `policy.published`.
    """
    caller.require(f"policies.publish.{command.kind}")
    try:
        problems = Problems()
        with problems.under():
            scope = scope_for(command.kind, command.scope)
            scope, channel_id, location_id = await places_of(tx, scope, caller)
        with problems.under():
            parse_rules(command.kind, command.rules)
        with problems.under():
            effective_from = takes_effect(command.effective_from, tx.now)
        problems.refuse()
        if command.kind is PolicyKind.ROLLOUT:
            present = await in_force(tx.session, PolicyKind.ROLLOUT, effective_from)
            rules = _text(command.rules)
            new = _read(command.kind, str(scope), UNPUBLISHED, effective_from, rules)
            await rollout_guard.check(tx, present, new)
    except DomainError as error:
        raise error.under("input") from None
    last = command.replaces
    if last is None:
        last = await policy_queries.last_version(tx.session, command.kind, str(scope))
    policy_id = tx.new_id()
    row: PolicyRow = {
        "id": policy_id,
        "kind": command.kind,
        "scope": str(scope),
        "version": last + 1,
        "rules": _text(command.rules),
        "effective_from_at": effective_from,
        "published_by": caller.actor,
        "published_at": tx.now,
    }
    # Two concurrent publications conflict on the unique version; the later one is then retried.
    tx.add(Policy, row)
    if effective_from > tx.now:
        tx.add(PolicyStart, {"policy_id": policy_id})
    event = PolicyPublished(
        kind=command.kind, scope=str(scope), version=last + 1, effective_from=effective_from
    )
    subject = ("Policy", policy_id)
    tx.outbox.audit(
        caller.actor,
        "policyPublish",
        subject,
        before={"version": last} if last else None,
        after={**encode(event), "rules": command.rules},
    )
    tx.outbox.record(
        event,
        policy_id,
        actor=caller.actor,
        channel_id=channel_id,
        location_id=location_id,
    )
    return {"policy": policy_id}


def _text(rules: Mapping[str, Any]) -> str:
    return orjson.dumps(rules).decode()


async def places_of(
    tx: Transaction, scope: PolicyScope, caller: Caller
) -> tuple[PolicyScope, int | None, int | None]:
    """The scope with its codes as they were issued, and the ids of its channel and location.

    Raises NotFound unless the caller sees them, and Forbidden for a scope beyond the caller's own.
    """
    if (caller.channels is not None and scope.channel is None) or (
        caller.locations is not None and scope.location is None
    ):
        raise Forbidden(
            f"{caller.actor} may publish policies only for its own channels and locations."
        )
    channel_id = location_id = None
    if scope.channel is not None:
        found = await lookups.channels_by_code(tx.session, [scope.channel])
        if scope.channel not in found or not caller.sees_channel(scope.channel):
            raise NotFound("channel", scope.channel, field=("scope",))
        channel = found[scope.channel]
        channel_id, scope = channel.id, replace(scope, channel=channel.code)
    if scope.location is not None:
        location = await lookups.location_by_code(tx.session, scope.location)
        if location is None or not caller.sees_location(scope.location):
            raise NotFound("location", scope.location, field=("scope",))
        location_id, scope = location.id, replace(scope, location=location.code)
    return scope, channel_id, location_id
