"""A replay against a server of its own ends with equal totals and whole books, on both engines.

The first test brings a file of its own. The second reads the real one where RESTOW_REPLAY_FILE
names it: its rows are nobody's to copy into this project.
"""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

import scripts.replay
from scripts.replay_file import read
from scripts.replay_report import is_complete, report
from scripts.replay_run import Replayed
from scripts.replay_server import ServerFailed
from tests.scripts.retail import row, write

BOUGHT = {"orig_order_ref": "101", "orig_line_no": "1", "orig_ts": "2010-07-05T10:00:00"}
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
    row(kind="return", order_ref="C2", ts="2010-08-13T10:00:00", qty="1"),
)


async def test_a_replay_ends_whole(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", database_url)
    events = read(write(tmp_path / "events.csv.gz", *ROWS), None)
    console = Console(record=True, width=120, file=io.StringIO())
    replayed, differences = await scripts.replay.replay(events, 4, console)
    assert differences == []
    assert is_complete(events, replayed)
    assert counted(replayed) == {"orders": 4, "units": 74251, "parcels": 3, "cancelled": 74215}
    report(console, events, replayed, differences)
    words = console.export_text()
    assert "reconcile: clean" in words
    assert "orders to 'Unspecified'" in words
    with pytest.raises(ServerFailed, match="in use"):
        await scripts.replay.replay(events, 4, console)


def counted(replayed: Replayed) -> dict[str, int]:
    return {
        "orders": replayed.orders,
        "units": replayed.units,
        "parcels": replayed.parcels,
        "cancelled": replayed.cancelled_units,
    }


@pytest.mark.skipif(
    "RESTOW_REPLAY_FILE" not in os.environ,
    reason="RESTOW_REPLAY_FILE names no retail event file",
)
async def test_the_real_files_first_orders(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", database_url)
    events = read(Path(os.environ["RESTOW_REPLAY_FILE"]), 40)
    console = Console(file=io.StringIO())
    replayed, differences = await scripts.replay.replay(events, 8, console)
    assert differences == []
    assert is_complete(events, replayed)


def test_no_file_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESTOW_REPLAY_FILE", raising=False)
    with pytest.raises(SystemExit, match="which file"):
        scripts.replay.main("", None, 1)
