"""Validation of locations, and the meaning of absent fields."""

from typing import Any

import pytest

from domain.catalog.commands import ABSENT, UpsertItem, UpsertLocation
from domain.catalog.validation import DEPTH_MAX, changed, check_place, item_facts, location_facts
from domain.errors import DomainError
from domain.problems import Problems
from domain.stock.states import LocationKind

WAREHOUSE, STORE = LocationKind.WAREHOUSE, LocationKind.STORE
ZONE, BIN = LocationKind.ZONE, LocationKind.BIN


@pytest.mark.parametrize(
    ("kind", "parents", "children"),
    [
        (WAREHOUSE, [], [ZONE, BIN, STORE]),
        (STORE, [WAREHOUSE], []),
        (ZONE, [ZONE, WAREHOUSE], [BIN, ZONE]),
        (BIN, [ZONE, STORE], []),
    ],
)
def test_places(
    kind: LocationKind, parents: list[LocationKind], children: list[LocationKind]
) -> None:
    check_place("X", kind, [(f"P{n}", each) for n, each in enumerate(parents)], children)


@pytest.mark.parametrize(
    ("kind", "ancestors", "children", "field"),
    [
        (ZONE, [], [], "parentCode"),
        (BIN, [("B", BIN)], [], "parentCode"),
        (STORE, [("Z", ZONE)], [], "parentCode"),
        (ZONE, [("Y", ZONE), ("X", ZONE)], [], "parentCode"),
        (BIN, [("Z", ZONE)], [BIN], "kind"),
        (ZONE, [("W", WAREHOUSE)], [STORE], "kind"),
        (ZONE, [(f"Z{n}", ZONE) for n in range(DEPTH_MAX)], [], "parentCode"),
    ],
)
def test_not_places(
    kind: LocationKind,
    ancestors: list[tuple[str, LocationKind]],
    children: list[LocationKind],
    field: str,
) -> None:
    with pytest.raises(DomainError) as refusal:
        check_place("X", kind, ancestors, children)
    assert refusal.value.field == (field,)


def test_an_absent_field_says_nothing() -> None:
    problems = Problems()
    assert item_facts(UpsertItem("A", "Tee"), "GBP", problems) == {"name": "Tee"}
    assert not problems.errors


@pytest.mark.parametrize("nothing", [ABSENT, None])
def test_what_cannot_be_empty_takes_null_for_absent(nothing: Any) -> None:
    command = UpsertLocation(
        "L", "Leeds", WAREHOUSE, time_zone=nothing, pack_required=nothing, active=nothing
    )
    facts = location_facts(command, frozenset({"UTC"}), Problems())
    assert facts.keys() == {"name", "kind"}


def test_changed_compares_by_value() -> None:
    assert changed({"active": 1, "name": "a"}, {"active": True, "name": "b"}) == {"name": "b"}
