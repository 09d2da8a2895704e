"""Locked stock levels: the payload of their event."""

from domain.events.payloads import encode, json_key
from domain.stock.states import MovementKind
from models.queries.stock.stock import LockedLevelRow
from workflows.transactions.stock_levels import Cause, Level


def test_a_level_reports_the_units_of_each_state_under_its_key() -> None:
    row = LockedLevelRow(
        id=1,
        item_id=2,
        location_id=3,
        sku="TEE",
        location="LEEDS",
        safety_stock=90,
        version=4,
        available=11,
        held=12,
        allocated=13,
        quality_control=14,
        quarantine=15,
        refurbishing=16,
        damaged=17,
        picked=5,
        missing=6,
        binned=7,
        incoming=9,
        shelf_changes=8,
    )
    level = Level.from_row(row)
    assert encode(level.event(Cause(MovementKind.HELD, "ann"))) == {
        "sku": "TEE",
        "location": "LEEDS",
        "cause": "HELD",
        "safetyStock": 90,
        "picked": 5,
        "missing": 6,
        "binned": 7,
        "incoming": 9,
        **{json_key(state.lower()): units for state, units in level.units.items()},
    }
    assert list(level.units.values()) == list(range(11, 18))
    assert (level.shelf, level.unbinned) == (11 + 12 + 13 - 5, 11 + 12 + 13 - 5 - 7)
