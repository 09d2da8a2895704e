"""Made-up orders and deliveries follow the stated rules."""

from pathlib import Path

import pytest

from scripts.replay.event_file import Events, read
from scripts.replay.order_plan import items_of, reason_of, weeks_of
from tests.scripts.replay.retail import row, write


def events_of(folder: Path, *rows: dict[str, str]) -> Events:
    return read(write(folder / "events.csv", *rows), None)


def test_an_item_is_named_and_priced_as_most_of_its_rows(tmp_path: Path) -> None:
    events = events_of(
        tmp_path,
        row(unit_price="1.25"),
        row(line_no="2", unit_price="9.99"),
        row(line_no="3", unit_price="1.25", description="BLUE MUG"),
        row(kind="adjust", sku="ODD", qty="2", description="found"),
    )
    mug, odd = items_of(events)
    assert (mug.name, mug.price_minor, mug.cost_minor) == ("A MUG", 125, 62)
    assert (odd.name, odd.price_minor, odd.cost_minor) == ("ODD", None, 1)


def test_a_delivery_brings_what_the_week_takes_beyond_what_is_there(tmp_path: Path) -> None:
    events = events_of(
        tmp_path,
        row(qty="5"),
        row(kind="adjust", qty="-2", ts="2010-07-06T09:00:00", unit_price="0"),
        row(kind="adjust", qty="4", ts="2010-07-07T09:00:00", unit_price="0"),
        row(order_ref="101", qty="9", ts="2010-07-12T09:00:00"),
        row(order_ref="102", qty="12", ts="2010-07-19T00:30:00"),
    )
    weeks = weeks_of(events)
    assert [str(week.starts_on) for week in weeks] == ["2010-07-05", "2010-07-12", "2010-07-19"]
    # Week 1 uses 7 of 12 units, so 5 and the 4 found serve week 2, which needs 9. Week 3 starts
    # with no stock.
    assert [week.delivery for week in weeks] == [{"MUG": 12}, {}, {"MUG": 12}]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Damaged stock", "DAMAGED"),
        ("found in box", "FOUND"),
        ("missing?", "LOST"),
        ("thrown away-rusty", "DAMAGED"),
        ("?", "COUNT"),
        ("", "COUNT"),
        ("stock check", "COUNT"),
        ("sold as 1", "CORRECTION"),
    ],
)
def test_reasons_come_from_the_words(words: str, code: str) -> None:
    assert reason_of(words) == code
