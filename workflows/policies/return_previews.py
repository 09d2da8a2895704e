"""Previews of RETURN and DISPOSITION policies on the last returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import orjson

import models.queries.reads.previews as preview_reads
import models.queries.reads.returns as return_reads
import models.queries.returns.returns as return_queries
from domain.orders.orders import LineMoney
from domain.policies.decisions import decided
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import Facts
from domain.returns.authorizations import RequestedUnits, ReturnCase, ShippedParcel, may_authorize
from domain.returns.risk import Risk, RiskTerm
from domain.values.money import Money, share
from models.database.sessions import Session
from models.queries.listing.paging import Window
from models.queries.reads.previews import AskedUnitsRow
from models.queries.returns.returns import ShippedParcelRow
from models.returns import ReturnRow
from workflows.policies.preview_cases import Case, Preview, Trial


async def preview_returns(session: Session, trial: Trial, last: int) -> Preview:
    """Decide the last returns again, each with its own time and risk."""
    returns = await _last(session, trial, last)
    asked = await preview_reads.asked_units(session, [row["id"] for row in returns])
    parcels = await _parcels(session, [row["order_line_id"] for row in asked])
    by_return: dict[UUID, list[AskedUnitsRow]] = {}
    for row in asked:
        by_return.setdefault(row["return_id"], []).append(row)
    cases = (_evaluate(row, by_return.get(row["id"], []), parcels, trial) for row in returns)
    return Preview.of(case for case in cases if case is not None)


async def preview_dispositions(session: Session, trial: Trial, last: int) -> Preview:
    """Decide again the units of the last returns whose disposition came from a policy."""
    returns = await _last(session, trial, last)
    cases: dict[UUID, Case] = {}
    for row in await preview_reads.decided_units(session, [row["id"] for row in returns]):
        if not trial.scope.names_location(row["location"]):
            continue
        facts = Facts(category=row["category"], location=row["location"])
        before = orjson.loads(row["decision"])
        is_tabled = before["policy"] == trial.policy.kind
        graded = row["condition"]
        if not is_tabled or graded is None or row["id"] in cases:
            continue
        if trial.choose(facts) != trial.policy:
            continue
        condition = ConditionGrade(graded)
        outcome = trial.policy.rules.decide(condition, row["reason"])
        reason = f"The policy says {outcome} for {condition} units returned as {row['reason']}."
        after = decided(trial.policy, outcome, (reason,))
        cases[row["id"]] = Case(("ReturnItem", row["id"]), before, after)
    return Preview.of(cases.values())


async def _last(session: Session, trial: Trial, last: int) -> Sequence[ReturnRow]:
    return (await return_reads.visible(trial.scope).page(session, Window(last))).rows


async def _parcels(
    session: Session, line_ids: Iterable[UUID]
) -> dict[UUID, list[ShippedParcelRow]]:
    found: dict[UUID, list[ShippedParcelRow]] = {}
    for row in await return_queries.shipped_parcels(session, sorted(set(line_ids))):
        found.setdefault(row["order_line_id"], []).append(row)
    return found


def _evaluate(
    row: ReturnRow,
    asked: Sequence[AskedUnitsRow],
    parcels: dict[UUID, list[ShippedParcelRow]],
    trial: Trial,
) -> Case | None:
    """A return decided again; None if the policy does not apply to it."""
    items, chosen = [], []
    for each in asked:
        sent = parcels.get(each["order_line_id"], [])
        if not sent:
            return None
        items.append(_units(each, sent))
        chosen.append(trial.choose(Facts(each["channel"], each["category"])))
    if trial.policy not in chosen:
        return None
    terms = orjson.loads(row["risk"])
    risk = Risk(tuple(RiskTerm(t["name"], t["points"], t["reason"]) for t in terms))
    verdict = may_authorize(ReturnCase(tuple(items), risk), chosen, row["requested_at"])
    after = decided(verdict.policy, verdict.outcome, verdict.reasons)
    return Case(("Return", row["id"]), orjson.loads(row["verdict"]), after)


def _units(row: AskedUnitsRow, sent: Sequence[ShippedParcelRow]) -> RequestedUnits:
    quantity = int(row["quantity"])
    money = LineMoney(
        row["line_quantity"], row["unit_price_minor"], row["discount_minor"], row["tax_minor"]
    )
    value = Money(share(money.total_minor, quantity, money.quantity), row["currency"])
    parcels = tuple(
        ShippedParcel(each["shipped_at"], each["delivered_at"], each["time_zone"]) for each in sent
    )
    returnable = bool(row["returnable"])
    return RequestedUnits(row["sku"], quantity, row["reason"], value, returnable, parcels)
