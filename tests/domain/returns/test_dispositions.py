from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from domain.access.callers import ROLE_PERMISSIONS, Role, holder
from domain.errors import ApprovalRequired, IllegalTransition, PolicyViolation
from domain.policies.defaults import DEFAULT_RULES
from domain.policies.dispositions import ConditionGrade, Disposition, DispositionRules
from domain.policies.policies import PolicyKind, parse_rules
from domain.returns.dispositions import EXITS, FINAL, HOLDING, choose, execute
from domain.returns.states import ITEM_TRANSITIONS, ReturnItemState
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money

_D, _G = Disposition, ConditionGrade
CHEAP, DEAR = Money(10_000, "GBP"), Money(10_001, "GBP")
WORKER = holder(Role.WAREHOUSE, actor="ann")


def the_rules(*rows: dict[str, str], **rules: Any) -> DispositionRules:
    document = dict(DEFAULT_RULES[PolicyKind.DISPOSITION]) | rules
    table: Sequence[object] = [*rows, *document["table"]]
    parsed = parse_rules(PolicyKind.DISPOSITION, document | {"table": table})
    assert isinstance(parsed, DispositionRules)
    return parsed


@pytest.mark.parametrize(
    ("condition", "disposition"),
    [
        (_G.NEW, _D.RESTOCK),
        (_G.LIKE_NEW, _D.RESTOCK),
        (_G.USED, _D.REFURBISH),
        (_G.DAMAGED, _D.QUARANTINE),
        (_G.COUNTERFEIT, _D.QUARANTINE),
        (_G.DEFECTIVE, _D.RETURN_TO_VENDOR),
    ],
)
def test_by_default_the_condition_decides(
    condition: ConditionGrade, disposition: Disposition
) -> None:
    choice = choose(the_rules(), condition, "UNWANTED", None, DEAR, WORKER)
    assert choice.disposition is disposition
    assert choice.is_by_policy


def test_a_row_for_a_reason_decides_that_reason_and_no_extra_unit() -> None:
    rules = the_rules({"condition": "NEW", "reason": "DEFECTIVE", "disposition": "QUARANTINE"})
    chosen = choose(rules, _G.NEW, "DEFECTIVE", None, CHEAP, WORKER)
    assert chosen.disposition is _D.QUARANTINE
    assert choose(rules, _G.NEW, None, None, CHEAP, WORKER).disposition is _D.RESTOCK


def test_a_person_may_choose_another_up_to_the_value_of_the_policy() -> None:
    rules = the_rules(overrideAboveValue={"GBP": "100.00"})
    choice = choose(rules, _G.NEW, "UNWANTED", _D.SCRAP, CHEAP, WORKER)
    assert (choice.disposition, choice.is_by_policy) == (_D.SCRAP, False)
    for value in (DEAR, Money(1, "EUR")):
        with pytest.raises(ApprovalRequired):
            choose(rules, _G.NEW, "UNWANTED", _D.SCRAP, value, WORKER)
    assert choose(rules, _G.NEW, "UNWANTED", _D.RESTOCK, DEAR, WORKER).is_by_policy


@pytest.mark.parametrize("role", Role)
def test_above_the_value_it_needs_a_supervisor(role: Role) -> None:
    rules = the_rules(overrideAboveValue={"GBP": "100.00"})
    caller = holder(role, actor="ann")
    if role in (Role.SUPERVISOR, Role.ADMIN):
        choose(rules, _G.NEW, "UNWANTED", _D.SCRAP, DEAR, caller)
        return
    assert "dispositions.override" not in ROLE_PERMISSIONS[role]
    with pytest.raises(ApprovalRequired):
        choose(rules, _G.NEW, "UNWANTED", _D.SCRAP, DEAR, caller)


@pytest.mark.parametrize("role", Role)
def test_a_counterfeit_is_never_restocked(role: Role) -> None:
    with pytest.raises(PolicyViolation):
        choose(
            the_rules(), _G.COUNTERFEIT, "UNWANTED", _D.RESTOCK, CHEAP, holder(role, actor="ann")
        )


@pytest.mark.parametrize(("state", "disposition"), list(product(ReturnItemState, Disposition)))
def test_only_inspected_units_are_disposed_of(
    state: ReturnItemState, disposition: Disposition
) -> None:
    if state is ReturnItemState.INSPECTED:
        execute(state, None, disposition)
        return
    with pytest.raises(IllegalTransition) as refusal:
        execute(state, None, disposition)
    assert refusal.value.details["allowed"] == sorted(ITEM_TRANSITIONS[state])


@pytest.mark.parametrize(("last", "next_one"), list(product([None, *Disposition], Disposition)))
def test_every_chain_is_allowed_or_names_the_exits(
    last: Disposition | None, next_one: Disposition
) -> None:
    is_allowed = last is None or (last in HOLDING and next_one is not last)
    assert (next_one in EXITS[last]) is is_allowed
    if not is_allowed:
        with pytest.raises(IllegalTransition) as refusal:
            execute(ReturnItemState.INSPECTED, last, next_one)
        assert refusal.value.details["allowed"] == sorted(EXITS[last])
        return
    step = execute(ReturnItemState.INSPECTED, last, next_one)
    waits_in = {None: StockState.QUALITY_CONTROL, _D.QUARANTINE: StockState.QUARANTINE}
    assert step.from_state is waits_in.get(last, StockState.REFURBISHING)
    assert (step.item_state is ReturnItemState.DISPOSED) is (next_one in FINAL)
    goes_to = {
        _D.RESTOCK: StockState.AVAILABLE,
        _D.REFURBISH: StockState.REFURBISHING,
        _D.QUARANTINE: StockState.QUARANTINE,
    }
    assert step.to_state is goes_to.get(next_one)
    assert (step.kind is MovementKind.SCRAPPED) is (next_one is _D.SCRAP)
