"""A replay over the floor ends with the server's figures and shelves as the replay knows them."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import scripts.replay.__main__
import scripts.replay.floor.plan as plan
from scripts.replay.event_file import read
from scripts.replay.floor.shelves import Shelves
from scripts.replay.floor_run import FloorReplay
from scripts.replay.report import is_complete, report
from tests.scripts.replay.retail import row, write


def invoice(holds: Callable[[str], bool]) -> str:
    """The first invoice of which this holds."""
    return next(each for each in map(str, range(100, 100_000)) if holds(each))


def sku_that(reserved: bool) -> str:
    """An SKU whose deliveries go to the reserve, or not."""
    return next(s for s in map("MUG{}".format, range(99)) if plan.is_from_reserve(s) is reserved)


DIRECT, RESERVED = sku_that(False), sku_that(True)
SHORT = invoice(lambda n: plan.drawn(plan.SHORT_ONE_IN, "short", f"direct-{n}-1", DIRECT))
WRONG = invoice(
    lambda n: (
        plan.drawn(plan.WRONG_ONE_IN, "wrong", f"direct-{n}-1", RESERVED)
        and not plan.drawn(plan.SHORT_ONE_IN, "short", f"direct-{n}-1", RESERVED)
    )
)
SEVERAL = invoice(
    lambda n: (
        plan.drawn(plan.SEVERAL_PARCELS_ONE_IN, "parcels", f"direct-{n}-1")
        and not plan.drawn(plan.SHORT_ONE_IN, "short", f"direct-{n}-1", DIRECT)
    )
)
DAYS = ("2010-07-05T10:00:00", "2010-07-06T10:00:00")
BOUGHT = {"orig_order_ref": SEVERAL, "orig_line_no": "1", "orig_ts": DAYS[0]}
ROWS = (
    row(order_ref=SEVERAL, ts=DAYS[0], sku=DIRECT, qty="6"),
    row(order_ref=SEVERAL, ts=DAYS[0], sku=DIRECT, qty="3", line_no="2"),
    row(order_ref=WRONG, ts=DAYS[0], sku=RESERVED, qty="4"),
    row(order_ref=SHORT, ts=DAYS[1], sku=DIRECT, qty="2"),
    row(kind="adjust", order_ref="1", ts=DAYS[1], sku=DIRECT, qty="-1", unit_price="0.0"),
    row(kind="return", order_ref="C1", ts=DAYS[1], sku=DIRECT, qty="6", **BOUGHT),
)


async def test_the_floor_ends_as_the_replay_knows_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", database_url)
    events = read(write(tmp_path / "events.csv", *ROWS), None)
    console = Console(record=True, width=120, file=io.StringIO())
    replayed, differences = await scripts.replay.__main__.replay(events, 4, console, FloorReplay)
    assert differences == []
    figures = replayed.floor
    assert figures is not None
    assert figures.disagreements() == []
    assert is_complete(events, replayed)
    done = figures.done
    # The short unit has a parcel of its own, and one invoice is packed in two.
    assert (done.parcels, done.short, done.picked) == (5, 1, 15)
    assert (done.refused, done.transfers, done.damaged) == (1, 1, 1)
    assert done.exact < done.counted
    assert {each["queue"]: each["done"] for each in figures.queues}["PICK"] == 4
    report(console, events, replayed, differences)
    words = console.export_text()
    assert "shelves and figures: agree with the replay" in words
    assert "reconcile: clean" in words
    assert "not as planned" not in words
    replayed.orders -= 1
    report(console, events, replayed, differences)
    assert "not as planned: orders: 2, where 3 are planned" in console.export_text()


def test_a_shelf_that_the_books_do_not_know_is_a_difference() -> None:
    shelves = Shelves()
    shelves.add("MUG", 5)
    shelves.add("CUP", 2, plan.RESERVE)
    shelves.lose("MUG", 1)
    level = {"item": {"sku": "MUG"}, "location": {"code": "MAIN"}, "held": 1, "allocated": 3}
    assert shelves.differs_from({**level, "available": 2, "picked": 1}) == (
        "MUG at MAIN: books 5, shelf 4"
    )
    shelves.add("MUG", 4)
    assert shelves.differs_from({**level, "available": 1, "picked": 1}) is None
    assert shelves.rest() == ["CUP at ANNEX: no level, shelf 2"]
    assert shelves.lost == {"MUG": 1}
