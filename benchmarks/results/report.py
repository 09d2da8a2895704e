"""Report of the results: console table, results.json, docs/benchmarks.md and its plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results.findings import Findings, Ratio
from benchmarks.results.plots import draw

FOLDER = Path(__file__).parents[1]
RESULTS = FOLDER / "results.json"
PLOTS = FOLDER.parent / "docs" / "benchmarks"
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def write(found: Findings) -> None:
    """Replace a part's results in results.json, and renew tables and plots."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[found.part] = {
        "title": found.title,
        "figures": {name: asdict(figures) for name, figures in found.figures.items()},
        "ratios": [{**asdict(ratio), "is_met": ratio.is_met} for ratio in found.ratios],
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    draw(kept, PLOTS)
    write_tables(kept)


def write_tables(results: Mapping[str, Any]) -> None:
    """Replace the tables in docs/benchmarks.md between the two marks."""
    lines = ["| load | ratio | measured | bound | |", "| --- | --- | --- | --- | --- |"]
    for found in results.values():
        for ratio in found["ratios"]:
            bound_text = f"{'≤' if ratio['at_most'] else '≥'} {ratio['bound']:g}"
            outcome = "met" if ratio["is_met"] else "**missed**"
            cells = (found["title"], ratio["name"], f"{ratio['reached']:.2f}", bound_text, outcome)
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| load | contender | answers/s | server CPU ms | median ms | p99 ms |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for found in results.values():
        for name, each in found["figures"].items():
            times = (f"{each['cpu_ms']:.3f}", f"{each['median_ms']:.2f}", f"{each['p99_ms']:.2f}")
            row = (found["title"], name, f"{each['rate']:.0f}", *times)
            lines.append(f"| {' | '.join(row)} |")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + after)


def show(found: Sequence[Findings]) -> None:
    """Print the ratios and their bounds."""
    table = Table(title="Ratios")
    for heading in ("load", "ratio", "measured", "bound", ""):
        table.add_column(heading)
    for each in found:
        for ratio in each.ratios:
            cells = (f"{ratio.reached:.2f}", bound(ratio), outcome_of(ratio))
            table.add_row(each.title, ratio.name, *cells)
    Console().print(table)


def bound(ratio: Ratio) -> str:
    """The bound as text."""
    return f"{'≤' if ratio.at_most else '≥'} {ratio.bound:g}"


def outcome_of(ratio: Ratio) -> str:
    return "met" if ratio.is_met else "missed"
