"""Every row of a retail file ends in an order, a correction or a counted finding."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.replay.event_file import NOT_FOUND, FileUnreadable, instant, read
from tests.scripts.replay.retail import row, write


def test_lines_of_an_invoice_become_an_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "events.csv.gz",
        row(),
        row(line_no="2", sku="CUP", qty="3", unit_price="0.5"),
        row(order_ref="101", channel="dotcom", customer_ref=""),
    )
    events = read(path, None)
    first, second = events.orders.values()
    assert [(each.sku, each.quantity, each.price_minor) for each in first.lines] == [
        ("MUG", 2, 125),
        ("CUP", 3, 50),
    ]
    assert (first.channel, first.customer, second.channel) == ("direct", "c1", "dotcom")
    assert events.findings.counts == {"orders without a customer: placed without a reference": 1}


def test_times_are_londons() -> None:
    assert instant("2010-07-05T09:30:00") == datetime(2010, 7, 5, 8, 30, tzinfo=UTC)
    assert instant("2010-01-05T09:30:00") == datetime(2010, 1, 5, 9, 30, tzinfo=UTC)


def test_fees_become_shipping_where_there_are_goods(tmp_path: Path) -> None:
    fee = row(kind="fee", line_type="postage", sku="POST")
    path = write(
        tmp_path / "events.csv",
        {**fee, "qty": "2", "unit_price": "3.10"},
        row(),
        {**fee, "order_ref": "900", "unit_price": "7", "qty": "1"},
        {**fee, "kind": "fee_refund", "order_ref": "C1", "qty": "-1", "unit_price": "4"},
    )
    events = read(path, None)
    assert events.orders["100"].shipping_minor == 620
    assert events.findings.money == {"fees without goods: left out": Decimal(7)}
    assert [(each.kind, each.worth) for each in events.fee_refunds] == [("postage", Decimal(4))]


def test_messy_rows_are_counted_by_kind(tmp_path: Path) -> None:
    path = write(
        tmp_path / "events.csv",
        row(),
        row(line_no="2"),
        row(line_no="3", unit_price="0.0", description=""),
        row(line_no="4", unit_price="-1.0"),
        row(line_no="5", qty="74215"),
        row(line_no="6", ts="2010-07-05T09:31:00", description="THE MUG"),
        row(kind="other", line_type="bad_debt", order_ref="A1"),
        row(kind="adjust", qty="-3", unit_price="0", description="damaged"),
        row(line_no="7", currency="EUR"),
    )
    events = read(path, None)
    assert len(events.orders["100"].lines) == 5
    assert events.findings.counts == {
        "exact duplicate lines of an order: kept as separate lines": 1,
        "order lines at price 0: sold for 0": 1,
        "order lines without a description: named by other rows of the SKU": 1,
        "order lines without units or SKU, or of negative or fractional pence: left out": 1,
        "lines of 10,000 units or more: placed unchanged": 1,
        "order lines timed after their order's first line: placed with it": 1,
        "SKUs with several names: the most common is taken": 1,
        "bad_debt rows: not a sale, left out": 1,
        "in EUR: left out": 1,
    }
    assert [(each.sku, each.delta, each.words) for each in events.corrections] == [
        ("MUG", -3, "damaged")
    ]
    assert sum(events.totals.rows.values()) == 9


def test_a_return_within_the_hour_cancels_units(tmp_path: Path) -> None:
    bought = {"orig_order_ref": "100", "orig_line_no": "1", "orig_ts": "2010-07-05T09:30:00"}
    given_back = row(kind="return", order_ref="C5", qty="1", **bought)
    path = write(
        tmp_path / "events.csv",
        row(),
        {**given_back, "ts": "2010-07-05T10:30:00"},
        {**given_back, "ts": "2010-07-05T10:31:00"},
        row(kind="return", order_ref="C6", qty="4"),
    )
    events = read(path, None)
    line = events.orders["100"].lines[0]
    assert (line.cancelled, line.returned) == (1, 1)
    assert [(each.note, each.units, each.line) for each in events.returns] == [
        ("C5", 1, line),
        ("C6", 4, None),
    ]


def test_more_than_a_line_has_left_is_unmatched(tmp_path: Path) -> None:
    later = {"ts": "2010-07-09T10:00:00", "kind": "return", "order_ref": "C5"}
    bought = {"orig_order_ref": "100", "orig_line_no": "1", "orig_ts": "2010-07-05T09:30:00"}
    path = write(
        tmp_path / "events.csv",
        row(),
        row(qty="3", match="exact_qty_price", **later, **bought),
        row(qty="1", match="none:already_returned", **later),
    )
    found = [(each.units, each.why_unmatched) for each in read(path, None).returns]
    assert found == [(2, ""), (1, NOT_FOUND), (1, "already_returned")]


def test_the_limit_ends_before_the_next_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "events.csv",
        row(),
        row(order_ref="101"),
        row(kind="adjust", qty="1"),
        row(order_ref="101", line_no="2"),
        row(order_ref="102"),
        row(kind="adjust", qty="1"),
    )
    events = read(path, 2)
    assert list(events.orders) == ["100", "101"]
    assert (len(events.orders["101"].lines), len(events.corrections)) == (2, 1)


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.csv.gz").write_bytes(b"no gzip")
    write(tmp_path / "words.csv", row(qty="many"))
    for name in ("absent.csv", "other.csv", "broken.csv.gz", "words.csv"):
        with pytest.raises(FileUnreadable):
            read(tmp_path / name, None)
