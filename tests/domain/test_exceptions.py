from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain import exceptions
from domain.access.callers import Role
from domain.exceptions import (
    EXCEPTION_TRANSITIONS,
    KINDS,
    OPEN_STATUSES,
    ExceptionKind,
    ExceptionStatus,
)
from domain.policies.exceptions import ExceptionRules
from domain.policies.policies import PolicyKind, parse_rules

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_every_kind_has_an_owner_a_time_and_a_condition_that_clears_it() -> None:
    assert set(KINDS) == set(ExceptionKind)
    for row in KINDS.values():
        assert row.opens
        assert row.clears
        assert row.handling.due > timedelta(0)
        assert row.handling.due_at(NOW) == NOW + row.handling.due


@pytest.mark.parametrize("status", ExceptionStatus)
def test_every_open_status_can_be_resolved_and_no_other(status: ExceptionStatus) -> None:
    nexts = EXCEPTION_TRANSITIONS[status]
    ends = {ExceptionStatus.RESOLVED, ExceptionStatus.AUTO_RESOLVED}
    if status in OPEN_STATUSES:
        assert ends < nexts
    else:
        assert not nexts


def test_exceptions_are_handled_step_by_step() -> None:
    status = ExceptionStatus
    steps = [
        (status.OPEN, status.ASSIGNED),
        (status.ASSIGNED, status.ASSIGNED),
        (status.ASSIGNED, status.IN_PROGRESS),
        (status.IN_PROGRESS, status.ASSIGNED),
        (status.IN_PROGRESS, status.WAITING),
        (status.WAITING, status.ASSIGNED),
        (status.WAITING, status.IN_PROGRESS),
        (status.ESCALATED, status.ASSIGNED),
    ]
    work = {status.ASSIGNED, status.IN_PROGRESS, status.WAITING}
    allowed = {(one, to) for one, nexts in EXCEPTION_TRANSITIONS.items() for to in nexts & work}
    assert allowed == set(steps)


def test_past_its_time_it_is_breached() -> None:
    assert exceptions.is_breached(ExceptionStatus.OPEN, NOW, NOW + HOUR, None)
    assert not exceptions.is_breached(ExceptionStatus.OPEN, NOW, NOW, None)
    assert not exceptions.is_breached(ExceptionStatus.RESOLVED, NOW, NOW + HOUR, None)


@pytest.mark.parametrize("kind", ExceptionKind)
def test_an_exception_goes_up_from_role_to_role_and_stays_with_the_admin(
    kind: ExceptionKind,
) -> None:
    handling = KINDS[kind].handling
    roles = [handling.owner_role]
    while len(roles) < 5:
        roles.append(exceptions.next_role(handling, roles[-1]))
    assert roles[1] == handling.escalate_to
    assert set(roles[2:]) == {Role.ADMIN}


def test_waiting_stops_the_clock() -> None:
    waiting = ExceptionStatus.WAITING
    assert not exceptions.is_breached(waiting, NOW, NOW + 5 * HOUR, NOW - HOUR)
    assert exceptions.is_breached(waiting, NOW, NOW + 5 * HOUR, NOW + HOUR)
    assert exceptions.due_after_waiting(NOW, NOW - HOUR, NOW + 2 * HOUR) == NOW + 3 * HOUR
    assert exceptions.due_after_waiting(NOW, NOW, NOW - HOUR) == NOW


def test_an_exception_rule_may_delay_a_kind_or_switch_it_off() -> None:
    handling = {"severity": "LOW", "ownerRole": "FINANCE", "due": "PT24H", "escalateTo": "ADMIN"}
    delayed = {**handling, "after": "PT6H"}
    document = {"kinds": {"ORDER_LATE": delayed, "OVERSOLD": {"off": True}}}
    rules = parse_rules(PolicyKind.EXCEPTION, document)
    assert isinstance(rules, ExceptionRules)
    late, oversold = rules.row(ExceptionKind.ORDER_LATE), rules.row(ExceptionKind.OVERSOLD)
    assert (late.after, late.is_off) == (timedelta(hours=6), False)
    assert oversold == replace(KINDS[ExceptionKind.OVERSOLD].handling, is_off=True)
    assert rules.row(ExceptionKind.CARRIER_DELAY).after == timedelta(days=1)
