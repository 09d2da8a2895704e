"""Each kind of policy has the scopes that its decisions know: those decide, others are refused.

A case is a coat (category coats) sold in the channel web from LEEDS. Each test publishes rules that
change the outcome, once in a scope of the case and once in a scope of another case.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

import workflows.policies.previews
import workflows.policies.publishing
from domain.errors import Invalid
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.queries.listing.scopes import Scope
from tests import raw
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.store import ADMIN, CLERK, pounds
from tests.builders.transactions import codes, counts, rows
from workflows.counts.counted_items import CountedPlace, RecordCount
from workflows.counts.recording import record
from workflows.orders.commands import Payment
from workflows.policies.publishing import PublishPolicy
from workflows.transactions.outcomes import Outcome, Request

R, T, D, F, A, E, H, C, P, S = PolicyKind
LONG_LEAD = [{"serviceLevel": "*", "from": "*", "to": "*", "days": 30}]
TWO_APPROVERS = [{"upTo": None, "approvers": 2}]
QUARANTINE = [{"condition": "*", "reason": "*", "disposition": "QUARANTINE"}]
CRITICAL = {"severity": "CRITICAL", "ownerRole": "ADMIN", "due": "PT1H", "escalateTo": "ADMIN"}
RULES: dict[PolicyKind, dict[str, Any]] = {
    R: {"leadTimes": LONG_LEAD},
    T: {"window": "P30D", "finalSale": True},
    D: {"table": QUARANTINE},
    F: {"evidence": ["INSPECTED"], "bands": {"GBP": TWO_APPROVERS}},
    A: {"approvalAbove": {"GBP": "1.00"}},
    E: {"kinds": {"RETURN_DISCREPANCY": CRITICAL}},
    H: {"holds": [{"reason": "OTHER"}]},
    C: {"recountAbove": {"units": 0}},
    P: {"playbooks": {"CLOSED": {"CLOSE_LOCATION": True}}},
    S: {"domains": {"*": "LIVE", "RETURNS": "OFF"}},
}
BY_CHANNEL = ("channel:web", "category:coats", "channel:web,category:coats")
APPLIED: dict[PolicyKind, tuple[str, ...]] = {
    R: BY_CHANNEL,
    T: BY_CHANNEL,
    D: ("location:LEEDS", "category:coats"),
    F: BY_CHANNEL,
    A: ("location:LEEDS", "category:coats"),
    E: ("location:LEEDS", "channel:web"),
    H: ("location:LEEDS", "channel:web", "channel:web,location:LEEDS"),
    C: ("location:LEEDS", "category:coats"),
    P: ("location:LEEDS", "channel:web"),
    S: ("location:LEEDS", "channel:web", "channel:web,location:LEEDS"),
}
SCOPES = ("location:LEEDS", *BY_CHANNEL, "channel:web,location:LEEDS")
REFUSED = {kind: [text for text in SCOPES if text not in APPLIED[kind]] for kind in PolicyKind}


def elsewhere(scope: str) -> list[str]:
    """The scope of other cases: one of its parts names another channel, category or location."""
    other = {"web": "market", "coats": "hats", "LEEDS": "YORK"}
    return [scope.replace(code, new) for code, new in other.items() if code in scope]


async def sold(desk: RefundDesk, reference: str = "W-1") -> Outcome:
    paid = (Payment("card", pounds("10.00")),)
    return await desk.desk.sold(("COAT", 1), reference=reference, payments=paid)


async def returned(desk: RefundDesk) -> Outcome:
    """A return of one coat with the graded unit, decided by DISPOSITION and REFUND."""
    order = await sold(desk)
    a_return = await desk.desk.request(order, ("COAT", 1))
    received = await desk.desk.receive(a_return, ("COAT", 1))
    assert not received.refusals
    [group] = await desk.desk.groups(a_return)
    assert not (await desk.desk.inspect(a_return, (group["id"], 1, "NEW"))).refusals
    return a_return


async def routed(desk: RefundDesk) -> bool:
    order = await desk.shop.order(await desk.shop.place(("COAT", 1)))
    lasts: timedelta = order["deliver_by_at"] - desk.shop.clock.now
    return lasts > timedelta(days=30)


async def requested(desk: RefundDesk) -> bool:
    outcome = await desk.desk.request(await sold(desk), ("COAT", 1))
    return await desk.desk.status(outcome) == "DECLINED"


async def left_to_people(desk: RefundDesk) -> bool:
    outcome = await desk.desk.request(await sold(desk), ("COAT", 1))
    return await desk.desk.status(outcome) == "REQUESTED"


async def disposed(desk: RefundDesk) -> bool:
    await returned(desk)
    return (await desk.shop.level("COAT")).get("quarantine") == 1


async def refunded_for_a_return(desk: RefundDesk) -> bool:
    await returned(desk)
    [refund] = await desk.refunds()
    return bool(refund["approvals_required"] == 2)


async def refunded_for_a_cancellation(desk: RefundDesk) -> bool:
    paid = (Payment("card", pounds("10.00")),)
    order = await desk.shop.place(("COAT", 1), payments=paid)
    assert not (await desk.shop.cancel(order)).refusals
    [refund] = await desk.refunds()
    return await decided_here(desk, refund)


async def refunded_as_goodwill(desk: RefundDesk) -> bool:
    assert not (await desk.create(await sold(desk), "5.00")).refusals
    [refund] = await desk.refunds()
    return await decided_here(desk, refund)


async def decided_here(desk: RefundDesk, refund: dict[str, Any]) -> bool:
    """True if a policy that a test published decided the refund."""
    decision = orjson.loads(refund["decision"])
    found = await rows(
        desk.database,
        "SELECT published_by FROM policy WHERE kind = 'REFUND' AND scope = $1 AND version = $2",
        decision["scope"],
        decision["version"],
    )
    return str(found[0]["published_by"]) != "system"


async def written_down(desk: RefundDesk) -> bool:
    outcome = await desk.shop.adjust(-1, "COAT", by=CLERK, reason="DAMAGED")
    return codes(outcome) == [("APPROVAL_REQUIRED", ("input", "delta"))]


async def alerted(desk: RefundDesk) -> bool:
    a_return = await desk.desk.request(await sold(desk), ("COAT", 1))
    assert not (await desk.desk.receive(a_return, ("TEE-M", 1))).refusals
    found = await rows(desk.database, "SELECT kind, severity FROM operational_exception")
    assert [row["kind"] for row in found] == ["RETURN_DISCREPANCY"]
    return str(found[0]["severity"]) == "CRITICAL"


async def held(desk: RefundDesk) -> bool:
    [parcel] = await desk.shop.fulfillments(await desk.shop.place(("COAT", 1)))
    return str(parcel["status"]) == "ON_HOLD"


async def counted_again(desk: RefundDesk) -> bool:
    """A difference of one unit: above the limit of the test, not above the default."""
    units = (await desk.shop.level("COAT"))["available"]
    command = RecordCount("LEEDS", (CountedPlace("COAT", units - 1),))
    outcome = await desk.shop.transactions.perform(record, Request(command, CLERK))
    assert not outcome.refusals
    [line] = await rows(desk.database, "SELECT status FROM stock_count_line")
    return str(line["status"]) == "RECOUNT"


Decision = Callable[[RefundDesk], Awaitable[bool]]
DECISIONS: list[tuple[PolicyKind, Decision]] = [
    (R, routed),
    (T, requested),
    (S, left_to_people),
    (D, disposed),
    (F, refunded_for_a_return),
    (F, refunded_for_a_cancellation),
    (F, refunded_as_goodwill),
    (A, written_down),
    (E, alerted),
    (H, held),
    (C, counted_again),
]
CASES = [
    (kind, decide, scope, is_applied)
    for kind, decide in DECISIONS
    for allowed in APPLIED[kind]
    for scope, is_applied in [(allowed, True), *((each, False) for each in elsewhere(allowed))]
]


@pytest.mark.parametrize(
    ("kind", "decide", "scope", "is_applied"),
    CASES,
    ids=[f"{decide.__name__}-{scope}" for _, decide, scope, _ in CASES],
)
async def test_an_allowed_scope_decides_its_cases_and_no_others(
    database: Database, kind: PolicyKind, decide: Decision, scope: str, *, is_applied: bool
) -> None:
    desk = await open_refund_desk(database)
    await desk.shop.publish(kind, RULES[kind], scope)
    assert await decide(desk) is is_applied


@pytest.mark.parametrize(
    ("kind", "scope"), [(kind, scope) for kind, scopes in REFUSED.items() for scope in scopes]
)
async def test_another_scope_is_refused_with_the_allowed_ones(
    database: Database, kind: PolicyKind, scope: str
) -> None:
    desk = await open_refund_desk(database)
    before = await counts(database, "policy", "policy_start", "event", "audit_entry")
    command = PublishPolicy(kind, scope, RULES[kind])
    outcome = await desk.shop.transactions.perform(
        workflows.policies.publishing.publish, Request(command, ADMIN)
    )
    assert codes(outcome) == [("INVALID", ("input", "scope"))]
    forms = {"LEEDS": "X", "web": "x", "coats": "y"}
    allowed = {"global", *APPLIED[kind]}
    for code, form in forms.items():
        allowed = {each.replace(code, form) for each in allowed}
    details = outcome.refusals[0].details
    assert (details["scope"], set(details["allowed"])) == (scope, allowed)
    assert await counts(database, *before) == before
    if kind in workflows.policies.previews.PREVIEWS:
        async with database.snapshot() as session:
            with pytest.raises(Invalid) as refusal:
                await workflows.policies.previews.preview(
                    session, Scope(), command, 1, desk.shop.clock.now
                )
        assert refusal.value.field == ("scope",)


@pytest.mark.parametrize(
    ("kind", "decide"), DECISIONS, ids=[decide.__name__ for _, decide in DECISIONS]
)
async def test_a_stored_policy_in_another_scope_does_not_decide(
    database: Database, kind: PolicyKind, decide: Decision
) -> None:
    """Earlier versions of the program accepted such scopes, and some decisions applied them."""
    desk = await open_refund_desk(database)
    for scope in REFUSED[kind]:
        start, rules = "2026-01-01 00:00:00.000000+00:00", orjson.dumps(RULES[kind]).decode()
        await raw.execute(
            database.url,
            "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
            f" published_at) VALUES ('{uuid4()}', '{kind}', '{scope}', 1, '{rules}', '{start}',"
            f" 'ada', '{start}')",
        )
    assert not await decide(desk)
