"""A policy document with several mistakes is refused with the paths of all of them."""

from itertools import combinations
from typing import Any

import pytest

from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import PolicyKind
from tests.domain.policies.faults import faults_of
from tests.domain.policies.test_documents import DOCUMENTS, MISTAKES, changed

R, D, F, E = (
    PolicyKind.ROUTING,
    PolicyKind.DISPOSITION,
    PolicyKind.REFUND,
    PolicyKind.EXCEPTION,
)


@pytest.mark.parametrize("kind", PolicyKind)
def test_mistakes_in_two_members_are_refused_together(kind: PolicyKind) -> None:
    mistakes = [mistake[1:] for mistake in MISTAKES if mistake[0] is kind]
    for one, other in combinations(mistakes, 2):
        if one[0].split(".")[0] == other[0].split(".")[0]:
            continue
        document = changed(changed(DOCUMENTS[kind], one[0], one[1]), other[0], other[1])
        paths = {each.details["path"] for each in faults_of(kind, document)}
        assert {one[2], other[2]} <= paths, (one, other)


NESTED: list[tuple[PolicyKind, dict[str, Any], list[str]]] = [
    (
        R,
        {
            "holidays": ["x"],
            "locations": {"A": {"cutOff": {"MON": 3, "DAY": 1}, "handling": 1}, "B": 3},
            "protected": [{}, {"channel": 3, "units": -1}, {"channel": "web", "units": 1}],
            "leadTimes": [{"serviceLevel": "*", "from": 1, "to": 2, "days": 3, "by": 4}],
        },
        [
            "rules.holidays[0]",
            "rules.locations.A.cutOff.DAY",
            "rules.locations.A.cutOff.MON",
            "rules.locations.A.handling",
            "rules.locations.B",
            "rules.protected[0].channel",
            "rules.protected[0].units",
            "rules.protected[1].channel",
            "rules.protected[1].units",
            "rules.leadTimes[0].by",
            "rules.leadTimes[0].from",
            "rules.leadTimes[0].to",
        ],
    ),
    (
        F,
        {
            "evidence": ["INSPECTED", "SEEN", "SEEN"],
            "deductions": {"USED": 2, "WET": 0.1},
            "bands": {
                "EUR": [],
                "GBP": [{"upTo": "x"}, {"upTo": None, "approvers": 7}],
                "USD": [
                    {"upTo": "5.00", "approvers": 0},
                    {"upTo": "5.00", "approvers": 1},
                    {"upTo": None, "approvers": 1},
                    {"upTo": "9.00", "approvers": 2},
                ],
            },
        },
        [
            "rules.evidence[1]",
            "rules.evidence[2]",
            "rules.deductions.USED",
            "rules.deductions.WET",
            "rules.bands.EUR",
            "rules.bands.GBP[0].approvers",
            "rules.bands.GBP[0].upTo",
            "rules.bands.GBP[1].approvers",
            "rules.bands.USD[1].upTo",
            "rules.bands.USD[2].upTo",
            "rules.bands.USD[3].upTo",
        ],
    ),
    (
        D,
        {
            "table": [
                {"condition": "OLD", "reason": 1, "disposition": "BURN"},
                {"condition": "COUNTERFEIT", "reason": "*", "disposition": "RESTOCK"},
            ],
        },
        [
            "rules.table[0].condition",
            "rules.table[0].reason",
            "rules.table[0].disposition",
            "rules.table[1].disposition",
        ],
    ),
    (
        E,
        {
            "kinds": {
                "TOO_HOT": {},
                "ORDER_LATE": {"severity": "BIG", "ownerRole": "BOSS", "due": "P0D", "by": 1},
            }
        },
        [
            "rules.kinds.TOO_HOT",
            "rules.kinds.ORDER_LATE.by",
            "rules.kinds.ORDER_LATE.escalateTo",
            "rules.kinds.ORDER_LATE.severity",
            "rules.kinds.ORDER_LATE.ownerRole",
            "rules.kinds.ORDER_LATE.due",
        ],
    ),
    (
        PolicyKind.COUNT,
        {"blind": 1, "recountAbove": {"units": -1, "value": {}}, "cycle": {"A": "P0D", "B": 1}},
        [
            "rules.blind",
            "rules.recountAbove.units",
            "rules.recountAbove.value",
            "rules.cycle.C",
            "rules.cycle.perDay",
            "rules.cycle.A",
            "rules.cycle.B",
        ],
    ),
    (
        PolicyKind.CONTINUITY,
        {
            "health": {"downErrorRate": 2, "slow": "PT0S"},
            "onDown": {"CARRIER": {"after": 1, "BUFFER": 0}, "CHANNEL": {}},
            "playbooks": {"a": {"endBy": "ME", "STOP_SALE": 1}, "b": {}},
        },
        [
            "rules.health.downErrorRate",
            "rules.health.slow",
            "rules.onDown.CHANNEL",
            "rules.onDown.CARRIER.after",
            "rules.onDown.CARRIER.BUFFER",
            "rules.playbooks.a.STOP_SALE",
            "rules.playbooks.a.endBy",
            "rules.playbooks.b",
        ],
    ),
    (
        PolicyKind.ROLLOUT,
        {
            "domains": {"ROUTING": "ON", "PRICES": "LIVE"},
            "require": {"cases": -1, "agreement": 2},
        },
        [
            "rules.domains.PRICES",
            "rules.domains.ROUTING",
            "rules.require.cases",
            "rules.require.agreement",
        ],
    ),
]


@pytest.mark.parametrize(("kind", "document", "paths"), NESTED, ids=[each[0] for each in NESTED])
def test_nested_mistakes_are_refused_together(
    kind: PolicyKind, document: dict[str, Any], paths: list[str]
) -> None:
    assert [each.details["path"] for each in faults_of(kind, document)] == paths


def test_a_rule_over_several_parts_is_checked_after_the_parts() -> None:
    """A table whose row cannot be read is not also refused for the cases that it leaves out."""
    rows = [{"condition": "OLD", "reason": "*", "disposition": "SCRAP"}]
    paths = [each.details["path"] for each in faults_of(D, {"table": rows})]
    assert paths == ["rules.table[0].condition"]
    rows = [{"condition": "NEW", "reason": "*", "disposition": "RESTOCK"}]
    [fault] = faults_of(D, {"table": rows})
    assert all(each in fault.message for each in ConditionGrade if each is not ConditionGrade.NEW)
    assert "each of NEW" not in fault.message
