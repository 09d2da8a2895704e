"""Evaluation of return requests by the RETURN policy: units, value, age and risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import models.queries.continuity.measures as measure_queries
import models.queries.returns.evaluation as evaluation_queries
import models.queries.returns.returns as return_queries
import workflows.policies.publishing as policies
from domain.orders.orders import OrderLineState
from domain.policies.dispositions import Disposition
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.policies.returns import ReturnRules
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
from workflows.orders.locked_orders import Line, LockedOrder

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
    """Result of an evaluation: verdict, risk, and the units that skip inspection (fast lane)."""

    verdict: Verdict
    risk: Risk
    fast_lane: tuple[bool, ...]
    destination_id: int


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
    items, destination_id = await case_items(session, order, channel, wanted)
    in_force = await policies.in_force(session, PolicyKind.RETURN, now)
    chosen = [choose(in_force, item.facts, now) for item in items]
    risk = await _risk(session, order, items, wanted, chosen, requested_at)
    verdict = decide(items, chosen, risk, requested_at)
    measures = (await session.answer(measure_queries.active())).at(now)
    reviewing = measures.reviewing(channel.code, [each.line.sku for each in wanted])
    if reviewing is not None:
        verdict = left_to_people(verdict, reviewing.playbook)
    fast_lane = tuple(
        verdict.outcome is ReturnStatus.AUTHORIZED
        and may_use_fast_lane(item.asked, policy.rules, risk)
        for item, policy in zip(items, chosen, strict=True)
    )
    return Evaluation(verdict, risk, fast_lane, destination_id)


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
) -> tuple[list[CaseItem], int]:
    """Requested units as the policies see them, and the location that shipped the first of them."""
    parcels: dict[UUID, list[ShippedParcel]] = {}
    places: dict[UUID, int] = {}
    for row in await return_queries.shipped_parcels(session, [each.line.id for each in wanted]):
        parcel = ShippedParcel(row["shipped_at"], row["delivered_at"], row["time_zone"])
        parcels.setdefault(row["order_line_id"], []).append(parcel)
        places.setdefault(row["order_line_id"], row["location_id"])
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
