"""Tells what was found: a table, benchmarks/results.json, docs/benchmarks.md and its plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.findings import Findings, Ratio

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"


def write(found: Sequence[Findings], *, is_whole: bool) -> None:
    """Keep the results; a run of one part replaces that part only."""
    kept: dict[str, Any] = {}
    if RESULTS.exists() and not is_whole:
        kept = json.loads(RESULTS.read_text())
    for each in found:
        kept[each.part] = {
            "title": each.title,
            "figures": {name: asdict(figures) for name, figures in each.figures.items()},
            "ratios": [{**asdict(ratio), "is_met": ratio.is_met} for ratio in each.ratios],
        }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def show(found: Sequence[Findings]) -> None:
    """Print the ratios beside what is asked of them."""
    table = Table(title="Ratios")
    for heading in ("work", "ratio", "reached", "asked", ""):
        table.add_column(heading)
    for each in found:
        for ratio in each.ratios:
            table.add_row(each.title, ratio.name, f"{ratio.reached:.2f}", bound(ratio), met(ratio))
    Console().print(table)


def bound(ratio: Ratio) -> str:
    """What is asked, in words."""
    return f"{'≤' if ratio.at_most else '≥'} {ratio.bound:g}"


def met(ratio: Ratio) -> str:
    """Whether it was reached."""
    return "reached" if ratio.is_met else "missed"
