"""Policies: immutable versions, strict documents, and the choice of the deciding policy."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

import workflows.catalog.channels
import workflows.catalog.locations
import workflows.policies.activation as policy_activation
import workflows.policies.publishing as policies
from domain.access.callers import Caller, Role, holder
from domain.errors import Forbidden
from domain.policies.defaults import default_rules
from domain.policies.policies import PolicyKind
from domain.values.money import Money
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location
from tests.builders.transactions import (
    MORNING,
    Clock,
    codes,
    counts,
    events,
    rows,
    transactions_on,
)
from workflows.policies.publishing import PublishPolicy
from workflows.transactions.outcomes import Request

ADMIN = holder(Role.ADMIN, actor="boss")


DOCUMENTS: Mapping[PolicyKind, Mapping[str, Any]] = {
    PolicyKind.ADJUSTMENT: {"approvalAbove": {"GBP": "10.00"}},
    PolicyKind.RETURN: {"window": "P14D"},
}


def publishing(
    kind: PolicyKind = PolicyKind.ADJUSTMENT,
    scope: str = "global",
    rules: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    caller: Caller = ADMIN,
) -> Request[PublishPolicy]:
    """A request of policyPublish."""
    document = DOCUMENTS.get(kind, {}) if rules is None else rules
    return Request(PublishPolicy(kind, scope, document, at), caller)


async def test_a_new_version_follows_the_last_of_its_kind_and_scope(database: Database) -> None:
    transactions = transactions_on(database)
    outcomes = [
        await transactions.perform(policies.publish, publishing(scope=scope))
        for scope in ("global", "category:shoes", "global")
    ]
    found = await rows(
        database,
        "SELECT id, scope, version FROM policy WHERE published_by = 'boss' ORDER BY scope, version",
    )
    assert [(row["scope"], row["version"]) for row in found] == [
        ("category:shoes", 1),
        ("global", 2),
        ("global", 3),
    ]
    assert {str(o.refs["policy"]) for o in outcomes} == {str(row["id"]) for row in found}


async def test_publishing_is_audited_and_an_event(database: Database) -> None:
    outcome = await transactions_on(database).perform(policies.publish, publishing())
    (event,) = await events(database, "policy.")
    assert event["type"] == "policy.published"
    assert event["data"]["version"] == 2
    (audit,) = await rows(database, "SELECT * FROM audit_entry")
    assert (audit["actor"], audit["action"]) == ("boss", "policyPublish")
    assert audit["subject"] == f"Policy:{outcome.refs['policy']}"
    assert orjson.loads(audit["before"]) == {"version": 1}
    assert orjson.loads(audit["after"])["rules"] == {"approvalAbove": {"GBP": "10.00"}}


@pytest.mark.parametrize(
    ("kind", "rules", "path"),
    [
        (PolicyKind.ADJUSTMENT, {}, ("approvalAbove",)),
        (PolicyKind.ADJUSTMENT, {"approvalAbove": {"GBP": "0.001"}}, ("approvalAbove", "GBP")),
        (PolicyKind.ROUTING, {"order": ["luck"]}, ("order", "0")),
        (
            PolicyKind.REFUND,
            {**default_rules("GBP")[PolicyKind.REFUND], "unheard": 1},
            ("unheard",),
        ),
    ],
)
async def test_a_wrong_document_is_refused_with_its_path(
    database: Database, kind: PolicyKind, rules: Mapping[str, Any], path: tuple[str, ...]
) -> None:
    before = await counts(database, "policy", "event", "audit_entry")
    outcome = await transactions_on(database).perform(
        policies.publish, publishing(kind, rules=rules)
    )
    assert codes(outcome) == [("INVALID", ("input", "rules", *path))]
    assert str(outcome.refusals[0].details["path"]).startswith("rules.")
    assert await counts(database, *before) == before


async def test_the_documents_own_amounts_are_named_by_position(database: Database) -> None:
    bands = {"GBP": [{"upTo": "a lot", "approvers": 0}, {"upTo": None, "approvers": 1}]}
    rules = {
        "evidence": ["INSPECTED"],
        "deductions": {},
        "approvalFor": [],
        "restockingFee": 0,
        "refundShipping": "FULL_ORDER_ONLY",
        "tender": "ORIGINAL_PAYMENT",
        "bands": bands,
    }
    outcome = await transactions_on(database).perform(
        policies.publish, publishing(PolicyKind.REFUND, rules=rules)
    )
    assert outcome.refusals[0].details["path"] == "rules.bands.GBP[0].upTo"


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (publishing(scope="planet:earth"), ("INVALID", ("input", "scope"))),
        (publishing(PolicyKind.RETURN, "channel:nowhere"), ("NOT_FOUND", ("input", "scope"))),
        (publishing(scope="location:NOWHERE"), ("NOT_FOUND", ("input", "scope"))),
        (
            publishing(at=MORNING - timedelta(microseconds=1)),
            ("INVALID", ("input", "effectiveFrom")),
        ),
    ],
)
async def test_scopes_and_instants_that_cannot_be_are_refused(
    database: Database, request_: Request[PublishPolicy], refusal: tuple[str, tuple[str, ...]]
) -> None:
    outcome = await transactions_on(database).perform(policies.publish, request_)
    assert codes(outcome) == [refusal]
    assert await counts(database, "event") == {"event": 0}


@pytest.mark.parametrize(
    ("role", "kind", "is_allowed"),
    [
        (Role.ADMIN, PolicyKind.REFUND, True),
        (Role.SUPERVISOR, PolicyKind.RETURN, True),
        (Role.SUPPLY_CHAIN, PolicyKind.ROUTING, True),
        (Role.SUPERVISOR, PolicyKind.REFUND, False),
        (Role.FINANCE, PolicyKind.REFUND, False),
        (Role.SUPERVISOR, PolicyKind.ADJUSTMENT, False),
        (Role.SUPERVISOR, PolicyKind.DISPOSITION, False),
        (Role.SUPERVISOR, PolicyKind.ROUTING, False),
    ],
)
async def test_each_kind_is_published_by_its_roles(
    database: Database, role: Role, kind: PolicyKind, is_allowed: bool
) -> None:
    (default,) = await rows(database, "SELECT rules FROM policy WHERE kind = $1", kind)
    caller = holder(role, actor="somebody")
    request = publishing(kind, rules=orjson.loads(default["rules"]), caller=caller)
    if is_allowed:
        assert not (await transactions_on(database).perform(policies.publish, request)).refusals
    else:
        with pytest.raises(Forbidden):
            await transactions_on(database).perform(policies.publish, request)
        assert await counts(database, "event") == {"event": 0}


async def test_a_key_of_one_channel_publishes_for_that_channel_only(database: Database) -> None:
    transactions = transactions_on(database)
    for code in ("web", "shop"):
        await transactions.perform(workflows.catalog.channels.upsert, a_channel(code))
    limited = replace(ADMIN, channels=frozenset({"web"}))
    with pytest.raises(Forbidden):
        await transactions.perform(policies.publish, publishing(caller=limited))
    foreign = publishing(PolicyKind.RETURN, "channel:shop", caller=limited)
    assert codes(await transactions.perform(policies.publish, foreign)) == [
        ("NOT_FOUND", ("input", "scope"))
    ]
    own = publishing(PolicyKind.RETURN, "channel:web,category:shoes", caller=limited)
    assert not (await transactions.perform(policies.publish, own)).refusals


async def _limit(
    database: Database,
    now: datetime = MORNING,
    *,
    location: str = "YORK",
    category: str | None = None,
) -> int:
    """Highest amount in pounds that the deciding ADJUSTMENT policy allows without an approval."""
    async with database.snapshot() as session:
        policy = await policies.decide(
            session, PolicyKind.ADJUSTMENT, now, location=location, category=category
        )
    for pounds in range(200):
        if policy.rules.needs_approval(Money(100 * pounds + 1, "GBP")):
            return pounds
    raise AssertionError("no limit")


def _up_to(pounds: int) -> dict[str, Any]:
    return {"approvalAbove": {"GBP": str(Decimal(pounds))}}


async def test_the_most_specific_scope_decides_whole(database: Database) -> None:
    transactions = transactions_on(database)
    await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    for scope, pounds in {"location:LEEDS": 1, "category:shoes": 3}.items():
        request = publishing(scope=scope, rules=_up_to(pounds))
        assert not (await transactions.perform(policies.publish, request)).refusals
    assert await _limit(database) == 50
    assert await _limit(database, location="LEEDS") == 1
    assert await _limit(database, location="LEEDS", category="hats") == 1
    assert await _limit(database, location="LEEDS", category="shoes") == 3
    assert await _limit(database, category="shoes") == 3


async def test_a_version_decides_from_its_own_instant_on(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    noon = MORNING + timedelta(hours=3)
    await transactions.perform(policies.publish, publishing(rules=_up_to(7), at=noon))
    assert await _limit(database, noon - timedelta(microseconds=1)) == 50
    assert await _limit(database, noon) == 7


async def test_two_that_publish_at_once_get_versions_of_their_own(database: Database) -> None:
    transactions = transactions_on(database)
    outcomes = await asyncio.gather(
        *(transactions.perform(policies.publish, publishing()) for _ in range(5))
    )
    assert not any(outcome.refusals for outcome in outcomes)
    found = await rows(
        database,
        "SELECT version FROM policy WHERE kind = 'ADJUSTMENT' ORDER BY version",
    )
    assert [row["version"] for row in found] == [1, 2, 3, 4, 5, 6]
    assert len({UUID(str(outcome.refs["policy"])) for outcome in outcomes}) == 5


async def test_a_version_published_ahead_is_an_event_once_it_is_in_force(
    database: Database,
) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    for scope, hours in (("global", 0), ("location:LEEDS", 2), ("global", 1)):
        at = MORNING + timedelta(hours=hours)
        outcome = await transactions.perform(policies.publish, publishing(scope=scope, at=at))
        assert not outcome.refusals
    assert await transactions.run(policy_activation.start) == 0
    clock.now = MORNING + timedelta(hours=1)
    assert await transactions.run(policy_activation.start) == 1
    clock.now = MORNING + timedelta(hours=3)
    assert (
        sum(await asyncio.gather(*(transactions.run(policy_activation.start) for _ in range(5))))
        == 1
    )
    assert await transactions.run(policy_activation.start) == 0
    recorded = [event["data"] for event in await events(database, "policy.effective")]
    assert [(each["scope"], each["version"]) for each in recorded] == [
        ("global", 3),
        ("location:LEEDS", 1),
    ]
