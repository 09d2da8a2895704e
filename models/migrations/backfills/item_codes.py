"""Stores the barcodes of existing items as their codes, with the keys that scans are found by."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import asyncpg

from domain.catalog.item_codes import scan_key
from models.migrations.backfills.backfill import PAGE
from models.migrations.dialect import Engine


class BarcodeCodes(NamedTuple):
    """A code for each item with a barcode."""

    finish: Callable[[Engine], Iterator[str]]

    def sqlite(self, connection: sqlite3.Connection) -> None:
        """Add the codes by a function that SQLite calls for each item."""
        connection.create_function("scan_key", 1, scan_key, deterministic=True)
        connection.execute(
            "INSERT INTO item_code (item_id, code, scan_key)"
            " SELECT id, barcode, scan_key(barcode) FROM item WHERE barcode IS NOT NULL ORDER BY id"
        )

    async def postgres(self, connection: asyncpg.Connection[Any]) -> None:
        """Add the codes page by page, in the order of ids."""
        read = (
            "SELECT id, barcode FROM item WHERE barcode IS NOT NULL AND id > $1"
            f" ORDER BY id LIMIT {PAGE}"
        )
        write = (
            "INSERT INTO item_code (item_id, code, scan_key)"
            " SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])"
        )
        last = -1
        while rows := await connection.fetch(read, last):
            last = rows[-1]["id"]
            codes = [row["barcode"] for row in rows]
            keys = [scan_key(code) for code in codes]
            await connection.execute(write, [row["id"] for row in rows], codes, keys)
