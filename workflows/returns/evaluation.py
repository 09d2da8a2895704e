"""Evaluation of return requests by the RETURN policy: units, value, age and risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import models.queries.continuity.measures as measure_queries
import models.queries.returns.evaluation as evaluation_queries
import models.queries.returns.returns as return_queries
import workflows.policies.publishing as policies
import workflows.rollout.cases as cases
import workflows.rollout.modes as modes
from domain.orders.orders import OrderLineState
from domain.policies.dispositions import Disposition
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.policies.returns import ReturnRules
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.policies.shadows import Shadow, shadow
from domain.returns.authorizations import (
    RequestedUnits,
    ReturnCase,
    ShippedParcel,
    Verdict,
    may_authorize,
    may_skip_inspection,
    unit_value,
)
from domain.returns.returnable_units import LineClaim, ReturnableLine, claimed_units
from domain.returns.risk import RECENT, CustomerHistory, Risk, RiskFacts, assess
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.values.money import Money, share
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts
from models.queries.returns.returns import ShippedParcelRow
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.rollout.modes import Switch
from workflows.transactions.transaction import Transaction

SHIPPED_STATES = (OrderLineState.SHIPPED, OrderLineState.DELIVERED)


@dataclass(frozen=True, slots=True)
class RequestedLine:
    """Units of an order line that are to be returned, with the reason code."""

    line: Line
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True)
class CaseItem:
    """Requested units as the policy sees them, and the facts by which the policy is chosen."""

    asked: RequestedUnits
    facts: Facts


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation: verdict, risk, and the units that skip inspection (fast lane).

    `switch`: that of the case. `shadow`: the verdict that the policy would have given, unless it
    gave it.
    """

    verdict: Verdict
    risk: Risk
    fast_lane: tuple[bool, ...]
    destination_id: int
    switch: Switch | None = None
    shadow: Shadow | None = None


async def returnable_lines(session: Session, order: LockedOrder) -> list[ReturnableLine]:
    """For each line of a locked order: units shipped, and units that its returns claim now."""
    claims: dict[UUID, list[LineClaim]] = {}
    for row in await return_queries.claims_of_lines(session, [line.id for line in order.lines]):
        claim = LineClaim(
            ReturnStatus(row["status"]),
            ReturnItemState(row["state"]),
            int(row["quantity"]),
            None if row["disposition"] is None else Disposition(row["disposition"]),
        )
        claims.setdefault(row["order_line_id"], []).append(claim)
    return [
        ReturnableLine(
            id=line.id,
            sku=line.sku,
            shipped=sum(line.units[state] for state in SHIPPED_STATES),
            claimed=claimed_units(claims.get(line.id, ())),
        )
        for line in order.lines
    ]


def sales_value(order: LockedOrder, line: Line, quantity: int) -> Money:
    """Amount that these units of a line were sold for, with tax."""
    minor = share(line.money.total_minor, quantity, line.money.quantity)
    return Money(minor, order.currency)


@dataclass(frozen=True, slots=True)
class _Case:
    """The facts of a request, with the policy of each item and the location of its units."""

    channel: ChannelFacts
    wanted: Sequence[RequestedLine]
    requested_at: datetime
    items: Sequence[CaseItem]
    chosen: Sequence[PolicyVersion[ReturnRules]]
    risk: Risk
    place: ShippedParcelRow


async def evaluate_new(
    tx: Transaction,
    order: LockedOrder,
    channel: ChannelFacts,
    wanted: Sequence[RequestedLine],
    requested_at: datetime,
) -> Evaluation:
    """Evaluate a return that begins now. Where RETURNS is not LIVE, its verdict is REQUESTED."""
    case = await _case(tx.session, order, channel, wanted, requested_at, tx.now)
    switch = await modes.of_new_case(
        tx, RolloutDomain.RETURNS, channel=channel.code, location=case.place["code"]
    )
    if switch.is_live:
        return _evaluation(case, await _verdict(tx.session, case, tx.now))

    async def would_decide() -> Shadow:
        verdict = await _verdict(tx.session, case, tx.now)
        return shadow(verdict.policy, verdict.outcome, verdict.reasons)

    policy, would = case.chosen[0], None
    if switch.mode is RolloutMode.SHADOW:
        would = await cases.attempt(tx, policy, would_decide)
    verdict = Verdict(ReturnStatus.REQUESTED, policy, (switch.reason,))
    return replace(_evaluation(case, verdict), switch=switch, shadow=would)


async def evaluate(
    session: Session,
    order: LockedOrder,
    channel: ChannelFacts,
    wanted: Sequence[RequestedLine],
    requested_at: datetime,
    now: datetime,
) -> Evaluation:
    """Evaluate a request by the RETURN policies in force now, its window as of `requested_at`.

    While a playbook reviews returns, people decide, and no unit skips inspection.
    """
    case = await _case(session, order, channel, wanted, requested_at, now)
    return _evaluation(case, await _verdict(session, case, now))


async def _case(
    session: Session,
    order: LockedOrder,
    channel: ChannelFacts,
    wanted: Sequence[RequestedLine],
    requested_at: datetime,
    now: datetime,
) -> _Case:
    items, place = await case_items(session, order, channel, wanted)
    in_force = await policies.in_force(session, PolicyKind.RETURN, now)
    chosen = [choose(in_force, item.facts, now) for item in items]
    risk = await _risk(session, order, items, wanted, chosen, requested_at)
    return _Case(channel, wanted, requested_at, items, chosen, risk, place)


async def _verdict(session: Session, case: _Case, now: datetime) -> Verdict:
    """The verdict of the policies, or that of a playbook which reviews returns."""
    verdict = decide(case.items, case.chosen, case.risk, case.requested_at)
    measures = (await session.answer(measure_queries.active())).at(now)
    reviewing = measures.reviewing(case.channel.code, [each.line.sku for each in case.wanted])
    return verdict if reviewing is None else left_to_people(verdict, reviewing.playbook)


def _evaluation(case: _Case, verdict: Verdict) -> Evaluation:
    fast_lane = tuple(
        verdict.outcome is ReturnStatus.AUTHORIZED
        and may_use_fast_lane(item.asked, policy.rules, case.risk)
        for item, policy in zip(case.items, case.chosen, strict=True)
    )
    return Evaluation(verdict, case.risk, fast_lane, case.place["location_id"])


def decide(
    items: Sequence[CaseItem],
    chosen: Sequence[PolicyVersion[ReturnRules]],
    risk: Risk,
    requested_at: datetime,
) -> Verdict:
    """Verdict of these policies, one for each item, on a request with this risk."""
    case = ReturnCase(tuple(item.asked for item in items), risk)
    return may_authorize(case, chosen, requested_at)


def left_to_people(verdict: Verdict, playbook: str) -> Verdict:
    """The verdict under a playbook by which people decide: what it authorizes is REQUESTED."""
    if verdict.outcome is not ReturnStatus.AUTHORIZED:
        return verdict
    reason = f"A person decides: the playbook {playbook} was started."
    return Verdict(ReturnStatus.REQUESTED, verdict.policy, (reason, *verdict.reasons))


def may_use_fast_lane(asked: RequestedUnits, rules: ReturnRules, risk: Risk) -> bool:
    """True if the units are restocked without inspection (fast lane)."""
    reason = may_skip_inspection(rules, risk.value, asked.reason, asked.sku, unit_value(asked))
    return reason is not None


async def case_items(
    session: Session, order: LockedOrder, channel: ChannelFacts, wanted: Sequence[RequestedLine]
) -> tuple[list[CaseItem], ShippedParcelRow]:
    """Requested units as the policies see them, and the parcel of the first of them."""
    parcels: dict[UUID, list[ShippedParcel]] = {}
    places: dict[UUID, ShippedParcelRow] = {}
    for row in await return_queries.shipped_parcels(session, [each.line.id for each in wanted]):
        parcel = ShippedParcel(row["shipped_at"], row["delivered_at"], row["time_zone"])
        parcels.setdefault(row["order_line_id"], []).append(parcel)
        places.setdefault(row["order_line_id"], row)
    goods = await evaluation_queries.returnable_items(
        session, [each.line.item_id for each in wanted]
    )
    items = []
    for each in wanted:
        item = goods[each.line.item_id]
        asked = RequestedUnits(
            sku=each.line.sku,
            quantity=each.quantity,
            reason=each.reason,
            value=sales_value(order, each.line, each.quantity),
            is_returnable=bool(item["returnable"]),
            parcels=tuple(parcels[each.line.id]),
        )
        items.append(CaseItem(asked, Facts(channel.code, item["category"])))
    return items, places[wanted[0].line.id]


async def _risk(
    session: Session,
    order: LockedOrder,
    items: Sequence[CaseItem],
    wanted: Sequence[RequestedLine],
    chosen: Sequence[PolicyVersion[ReturnRules]],
    requested_at: datetime,
) -> Risk:
    arrived = max(
        parcel.delivered_at or parcel.shipped_at for item in items for parcel in item.asked.parcels
    )
    item_ids = sorted({each.line.item_id for each in wanted})
    return assess(
        RiskFacts(
            order_value=Money(order.total_minor, order.currency),
            reasons=tuple(dict.fromkeys(item.asked.reason for item in items)),
            age=requested_at - arrived,
            window=timedelta(days=min(policy.rules.window_days for policy in chosen)),
            history=await _history(session, order, requested_at, item_ids),
        )
    )


async def _history(
    session: Session, order: LockedOrder, at: datetime, item_ids: Sequence[int]
) -> CustomerHistory | None:
    customer = await evaluation_queries.customer_of(session, order.id)
    if customer is None:
        return None
    found = await evaluation_queries.customer_history(session, customer, at, at - RECENT, item_ids)
    return CustomerHistory(
        shipped_units=int(found["shipped_units"]),
        returned_units=int(found["returned_units"]),
        recent_returns=found["recent_returns"],
        same_sku_returns=found["same_sku_returns"],
    )
