"""A replay on its own server ends with equal totals and balanced books, on both engines.

The first test writes its own file. The second reads the real file at RESTOW_REPLAY_FILE, whose rows
may not be copied into this project.
"""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

import scripts.replay.__main__
from scripts.replay.event_file import read
from scripts.replay.order_run import Replayed
from scripts.replay.report import is_complete, report
from scripts.replay.server import ServerFailed
from tests.scripts.replay.retail import row, write

BOUGHT = {"orig_order_ref": "101", "orig_line_no": "1", "orig_ts": "2010-07-05T10:00:00"}
LATER = {"orig_order_ref": "106", "orig_line_no": "1", "orig_ts": "2010-07-20T10:00:00"}
LATE = {"orig_order_ref": "105", "orig_line_no": "1", "orig_ts": "2010-07-13T10:00:00"}
ROWS = (
    row(),
    row(line_no="2"),
    row(kind="fee", line_type="postage", sku="POST", qty="1", unit_price="3.1"),
    row(order_ref="101", ts="2010-07-05T10:00:00", qty="74215", country="Unspecified"),
    row(kind="return", order_ref="C1", ts="2010-07-05T10:16:00", qty="74215", **BOUGHT),
    row(order_ref="102", channel="dotcom", sku="CUP", unit_price="0.0"),
    row(kind="adjust", order_ref="103", qty="-1", unit_price="0.0", description="smashed"),
    row(kind="adjust", order_ref="104", qty="2", unit_price="0.0", description=""),
    row(order_ref="105", ts="2010-07-13T10:00:00", qty="30", country="EIRE"),
    row(
        kind="return",
        order_ref="C2",
        ts="2010-08-13T10:00:00",
        qty="1",
        match="none:no_earlier_purchase",
    ),
    row(order_ref="106", ts="2010-07-20T10:00:00", qty="400", unit_price="2"),
    row(
        kind="return", order_ref="C3", ts="2010-07-26T10:00:00", qty="400", unit_price="2", **LATER
    ),
    row(kind="return", order_ref="C4", ts="2010-12-24T10:00:00", qty="3", **LATE),
    row(
        kind="fee_refund",
        line_type="manual",
        order_ref="C5",
        ts="2010-07-15T10:00:00",
        qty="-1",
        unit_price="7.5",
    ),
    row(
        kind="fee_refund",
        line_type="bank_charge",
        order_ref="C6",
        ts="2010-08-14T10:00:00",
        qty="-1",
        unit_price="9",
    ),
)


async def test_a_replay_ends_whole(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", database_url)
    events = read(write(tmp_path / "events.csv.gz", *ROWS), None)
    console = Console(record=True, width=120, file=io.StringIO())
    replayed, differences = await scripts.replay.__main__.replay(events, 4, console)
    assert differences == []
    assert is_complete(events, replayed)
    assert counted(replayed) == {"orders": 5, "units": 74651, "parcels": 4, "cancelled": 74215}
    assert returned(replayed) == {
        "returns": {"CLOSED": 400, "DECLINED": 3},
        "unmatched": ["no_earlier_purchase"],
        "refunds": {
            ("RETURN", "SUCCEEDED"): 1,
            ("CANCELLATION", "SUCCEEDED"): 1,
            ("GOODWILL", "SUCCEEDED"): 1,
        },
        "approvals": 3,
        "by hand": 1,
    }
    report(console, events, replayed, differences)
    words = console.export_text()
    assert "reconcile: clean" in words
    assert "orders to 'Unspecified'" in words
    assert "refunded bank_charge: not a sale, left out" in words
    assert "trial balance zero" in words
    with pytest.raises(ServerFailed, match="in use"):
        await scripts.replay.__main__.replay(events, 4, console)


def counted(replayed: Replayed) -> dict[str, int]:
    return {
        "orders": replayed.orders,
        "units": replayed.units,
        "parcels": replayed.parcels,
        "cancelled": replayed.cancelled_units,
    }


def returned(replayed: Replayed) -> dict[str, object]:
    tally, gave = replayed.tally, replayed.returns_done
    return {
        "returns": {status: count.units for status, count in tally.returns.items()},
        "unmatched": list(gave.parcels),
        "refunds": {key: count.times for key, count in tally.refunds.items()},
        "approvals": gave.approvals,
        "by hand": gave.authorized_by_hand,
    }


@pytest.mark.skipif(
    "RESTOW_REPLAY_FILE" not in os.environ,
    reason="RESTOW_REPLAY_FILE names no retail event file",
)
async def test_the_real_files_first_orders(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", database_url)
    events = read(Path(os.environ["RESTOW_REPLAY_FILE"]), 120)
    console = Console(file=io.StringIO())
    replayed, differences = await scripts.replay.__main__.replay(events, 8, console)
    assert differences == []
    assert is_complete(events, replayed)


def test_a_missing_file_argument_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESTOW_REPLAY_FILE", raising=False)
    with pytest.raises(SystemExit, match="no file is given"):
        scripts.replay.__main__.main("", None, 1)
