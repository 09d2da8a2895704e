"""Plots of the results for docs/: throughput by contender, and ratios relative to their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as plotting
from matplotlib.figure import Figure

INK, MUTED = "#1f6f8b", "#b8c4c9"
MISSED = "#c0562f"


def draw(results: Mapping[str, Any], folder: Path) -> None:
    """Write one PNG for each part with throughput figures, and one of all ratios."""
    plotting.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    for part, found in results.items():
        if found["figures"]:
            rates = {name: each["rate"] for name, each in found["figures"].items()}
            _rates(found["title"], rates, folder / f"{part}.png")
    _ratios(results, folder / "ratios.png")


def _rates(title: str, rates: Mapping[str, float], path: Path) -> None:
    figure = Figure(figsize=(7, 0.7 + 0.42 * len(rates)), layout="constrained")
    axes = figure.subplots()
    names = list(rates)[::-1]
    colors = [INK if name.startswith(("ours", "1M")) else MUTED for name in names]
    bars = axes.barh(names, [rates[name] for name in names], color=colors)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xlabel("answers per second")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _ratios(results: Mapping[str, Any], path: Path) -> None:
    """Plot each ratio relative to its bound; at 1 or more the bound is met."""
    shares: list[tuple[str, float]] = []
    for part, found in results.items():
        for ratio in found["ratios"]:
            reached, bound = ratio["reached"], ratio["bound"]
            share = bound / reached if ratio["at_most"] else reached / bound
            shares.append((f"{part}: {ratio['name']}", share))
    _shares(shares[::-1], path)


def _shares(shares: Sequence[tuple[str, float]], path: Path) -> None:
    figure = Figure(figsize=(8, 0.8 + 0.32 * len(shares)), layout="constrained")
    axes = figure.subplots()
    colors = [INK if share >= 1 else MISSED for _, share in shares]
    bars = axes.barh([name for name, _ in shares], [share for _, share in shares], color=colors)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("relative to the bound (1 or more: met)")
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, dpi=120, metadata={"Software": None})
