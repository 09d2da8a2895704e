"""Made-up returns follow the stated rules and are the same on every run."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.replay.event_file import Events, Line, ReturnedUnits, instant, read
from scripts.replay.return_plan import GRADES, exit_for, grade_for, notes_of, reason_for
from tests.scripts.replay.retail import row, write

BOUGHT = {"orig_order_ref": "100", "orig_line_no": "1", "orig_ts": "2010-07-05T09:30:00"}
BACK = {"kind": "return", "ts": "2010-07-09T10:00:00", "order_ref": "C1"}
FEE = {"kind": "fee_refund", "line_type": "postage", "qty": "-1", "sku": "POST"}


def events_of(folder: Path, *rows: dict[str, str]) -> Events:
    return read(write(folder / "events.csv", *rows), None)


def test_a_credit_note_becomes_a_request_per_order_and_a_parcel_per_reason(tmp_path: Path) -> None:
    other = {"orig_order_ref": "101", "orig_line_no": "1", "orig_ts": "2010-07-06T09:30:00"}
    events = events_of(
        tmp_path,
        row(),
        row(order_ref="101", ts="2010-07-06T09:30:00", sku="CUP"),
        row(qty="1", **BACK, **BOUGHT),
        row(qty="1", line_no="2", sku="CUP", **BACK, **other),
        row(qty="1", line_no="3", match="none:no_customer", **BACK),
        row(qty="1", line_no="4", match="none:more_than_bought", **BACK),
    )
    (note,) = notes_of(events)
    assert [each.order.reference for each in note.requests] == ["100", "101"]
    assert [each.why for each in note.parcels] == ["no_customer", "more_than_bought"]
    assert sum(each.worth for each in note.requests) == Decimal("2.50")


def test_more_than_a_request_may_name_becomes_several(tmp_path: Path) -> None:
    lines = [row(line_no=str(number)) for number in range(201)]
    back = [
        row(qty="1", line_no=str(number), **{**BACK, **BOUGHT, "orig_line_no": str(number)})
        for number in range(201)
    ]
    (note,) = notes_of(events_of(tmp_path, *lines, *back))
    assert [len(each.rows) for each in note.requests] == [200, 1]
    assert len({each.reference for each in note.requests}) == 2


def test_a_fee_goes_back_on_an_order_that_can_bear_it(tmp_path: Path) -> None:
    events = events_of(
        tmp_path,
        row(qty="100"),
        row(order_ref="101", ts="2010-07-06T09:30:00"),
        row(**{**FEE, "order_ref": "C2", "ts": "2010-07-07T10:00:00", "unit_price": "2"}),
        row(**{**FEE, "order_ref": "C3", "ts": "2010-07-07T10:00:00", "unit_price": "90"}),
        row(**{**FEE, "order_ref": "C4", "ts": "2010-07-07T10:00:00", "unit_price": "900"}),
        row(**{**FEE, "order_ref": "C6", "ts": "2010-07-07T10:00:00", "unit_price": "-1"}),
        row(**{**FEE, "order_ref": "C5", "ts": "2010-07-05T09:00:00", "unit_price": "1"}),
    )
    given = [(each.reference, each.goodwill[0].order.reference) for each in notes_of(events)]
    assert given == [("C2", "101"), ("C3", "100")]
    kind = "refunded fees without a large enough earlier order: left out"
    assert events.findings.counts[kind] == 2
    assert events.findings.money[kind] == Decimal(901)
    assert events.findings.counts["refunded fees of zero, negative or fractional pence: left out"]


@pytest.mark.parametrize(
    ("units", "price", "name", "reason"),
    [
        (20, "1.25", "A MUG", "UNWANTED"),
        (20, "1.00", "A MUG", "NOT_AS_DESCRIBED"),
        (2, "1.25", "A CUSHION", "DAMAGED_IN_TRANSIT"),
        (5, "1.25", "A MUG", "DAMAGED_IN_TRANSIT"),
        (5, "1.25", "ALARM CLOCK", "DEFECTIVE"),
        (5, "1.25", "A CUSHION", "UNWANTED"),
    ],
)
def test_reasons_come_from_price_share_and_name(
    units: int, price: str, name: str, reason: str
) -> None:
    line = Line("1", "MUG", 20, 125)
    at = instant("2010-07-09T10:00:00")
    back = ReturnedUnits("C1", "MUG", name, units, Decimal(price), "c1", at, line=line)
    assert reason_for(back) == reason


@pytest.mark.parametrize("reason", GRADES)
def test_grades_are_drawn_as_stated_and_always_the_same(reason: str) -> None:
    drawn = Counter(grade_for(f"C{number}-0", "MUG", reason) for number in range(2_000))
    before = 0
    for grade, below in GRADES[reason]:
        assert drawn[grade] / 20 == pytest.approx(below - before, abs=4)
        before = below
    assert grade_for("C1-0", "MUG", reason) == grade_for("C1-0", "MUG", reason)


def test_units_that_wait_leave_by_their_price() -> None:
    assert exit_for("REFURBISH", None) == "RESTOCK"
    assert exit_for("QUARANTINE", 500) == "LIQUIDATE"
    assert exit_for("QUARANTINE", 499) == "SCRAP"
    assert exit_for("QUARANTINE", None) == "SCRAP"
