"""Tells what was found: a table, benchmarks/results.json, docs/benchmarks.md and its plots."""

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
    """Keep a part's results in the place of its last ones, and renew plots and tables."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[found.part] = {
        "title": found.title,
        "figures": {name: asdict(figures) for name, figures in found.figures.items()},
        "ratios": [{**asdict(ratio), "is_met": ratio.is_met} for ratio in found.ratios],
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    draw(kept, PLOTS)
    tell(kept)


def tell(results: Mapping[str, Any]) -> None:
    """Renew the tables of docs/benchmarks.md between its two marks."""
    lines = ["| work | ratio | reached | asked | |", "| --- | --- | --- | --- | --- |"]
    for found in results.values():
        for ratio in found["ratios"]:
            asked = f"{'≤' if ratio['at_most'] else '≥'} {ratio['bound']:g}"
            word = "reached" if ratio["is_met"] else "**missed**"
            cells = (found["title"], ratio["name"], f"{ratio['reached']:.2f}", asked, word)
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| work | contender | answers/s | server CPU ms | median ms | p99 ms |"]
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
