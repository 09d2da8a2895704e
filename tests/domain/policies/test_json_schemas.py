"""JSON Schemas of policies accept what is read, and refuse what is refused."""

from typing import Any

import pytest

from domain.errors import Invalid
from domain.policies.defaults import default_rules
from domain.policies.json_schemas import rules_schema, scopes_of
from domain.policies.policies import PolicyKind, parse_rules, scope_for
from domain.values.currencies import DECIMALS
from tests.domain.policies.faults import faults_of
from tests.domain.policies.test_documents import DOCUMENTS, MISTAKES, changed
from tests.json_schema import is_valid

# Faults between entries, which JSON Schema cannot state; and a number that JSON cannot hold, or
# that it does not distinguish from a whole one.
BETWEEN_ENTRIES = {
    ("leadTimes.1.serviceLevel", "STANDARD"),
    ("bands.GBP.1.upTo", "100.00"),
    ("carriers.1.serviceLevel", "express"),
    ("health.downErrorRate", "0.05"),
}


@pytest.mark.parametrize("kind", PolicyKind)
def test_valid_rules_are_valid(kind: PolicyKind) -> None:
    schema = rules_schema(kind)
    assert is_valid(schema, DOCUMENTS[kind])
    for currency in DECIMALS:
        assert is_valid(schema, default_rules(currency)[kind])


@pytest.mark.parametrize(("kind", "where", "value"), [each[:3] for each in MISTAKES])
def test_refused_rules_are_invalid(kind: PolicyKind, where: str, value: Any) -> None:
    document = changed(DOCUMENTS[kind], where, value)
    is_between = (where, str(value)) in BETWEEN_ENTRIES
    assert is_valid(rules_schema(kind), document) is is_between
    assert faults_of(kind, document)


DURATIONS = ["P", "PT", "P1", "1D", "P1Y", "P3661D", "P523W", "P9999W", "-P1D", "P1.5D", "PT1H1D"]
LENGTHS = ["P0D", "P3660D", "P522W", "P2W", "P1D", "P365D"]


@pytest.mark.parametrize("window", [*DURATIONS, *LENGTHS])
def test_durations_are_judged_alike(window: str) -> None:
    document = {"window": window}
    try:
        parse_rules(PolicyKind.RETURN, document)
    except Invalid:
        assert not is_valid(rules_schema(PolicyKind.RETURN), document)
    else:
        assert is_valid(rules_schema(PolicyKind.RETURN), document)


@pytest.mark.parametrize("kind", PolicyKind)
def test_scopes_are_scopes_of_the_kind(kind: PolicyKind) -> None:
    for scope in scopes_of(kind):
        assert str(scope_for(kind, scope)) == scope
