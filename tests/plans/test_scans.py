"""SQLite reads no large table as a whole, and the load of these tests calls the queries."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import app
from models.migrations.runner import migrate
from tests.plans.growth import FEW
from tests.plans.known import UNSENT, WHOLE
from tests.plans.load import whole
from tests.plans.scans import scans, statements_seen
from tests.plans.senders import called, senders


def test_a_scan_is_found_unless_it_ends_with_the_page(tmp_path: Path) -> None:
    path = str(tmp_path / "few.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, at TEXT, sku TEXT)")
        connection.execute("CREATE INDEX sale_at ON sale (at)")
    sorted_ = "SELECT s.id FROM sale s ORDER BY s.sku LIMIT 5"
    counted = "SELECT count(*) FROM sale"
    walked = ["SELECT id FROM sale ORDER BY id LIMIT 5", "SELECT * FROM sale ORDER BY at LIMIT 5"]
    found = scans(path, [sorted_, counted, *walked, "SELECT * FROM sale WHERE at = '1'"])
    assert found == {sorted_: ["sale"], counted: ["sale"]}


async def test_no_large_table_is_scanned_and_new_queries_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "JOBS", ())  # the actions run each job once
    path = tmp_path / "plans.db"
    await migrate(f"sqlite://{path}")
    with statements_seen(str(path)) as statements, called() as names:
        await whole(f"sqlite://{path}", "A")
    assert len(statements) > 300
    found = [
        f"{', '.join(tables)}: {sql[:300]}"
        for sql, tables in scans(str(path), statements.values()).items()
        if not FEW.issuperset(tables) and not sql.startswith(tuple(WHOLE))
    ]
    assert found == [], "\n".join(found)
    assert senders() - names <= UNSENT <= senders()
