"""Retail event files made up for tests, with the columns of the real file."""

import csv
import gzip
from pathlib import Path

from scripts.replay.event_file import COLUMNS

DEFAULTS = {
    "seq": "1",
    "ts": "2010-07-05T09:30:00",
    "channel": "direct",
    "country": "United Kingdom",
    "order_ref": "100",
    "line_no": "1",
    "sku": "MUG",
    "description": "A MUG",
    "qty": "2",
    "unit_price": "1.25",
    "currency": "GBP",
    "kind": "order",
    "line_type": "product",
    "customer_ref": "c1",
}


def row(**facts: str) -> dict[str, str]:
    """A row of two mugs on invoice 100, with the given columns replaced."""
    return {**dict.fromkeys(COLUMNS, ""), **DEFAULTS, **facts}


def write(path: Path, *rows: dict[str, str]) -> Path:
    """Write a file with these rows, compressed if the name ends in .gz."""
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8", newline="") as text:
            _fill(csv.DictWriter(text, COLUMNS), rows)
    else:
        with path.open("w", encoding="utf-8", newline="") as text:
            _fill(csv.DictWriter(text, COLUMNS), rows)
    return path


def _fill(writer: "csv.DictWriter[str]", rows: tuple[dict[str, str], ...]) -> None:
    writer.writeheader()
    writer.writerows(rows)
