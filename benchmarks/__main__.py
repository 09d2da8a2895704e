"""Run the benchmarks and compare the ratios with their bounds:

`python -m benchmarks [--only part]`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import benchmarks.parts.floor_growth as floor_growth
import benchmarks.parts.holds as holds
import benchmarks.parts.live_holds as live_holds
import benchmarks.parts.long_history as long_history
import benchmarks.parts.mixed as mixed
import benchmarks.parts.reads as reads
import benchmarks.parts.rent as rent
import benchmarks.parts.scans as scans
import benchmarks.parts.streams as streams
import benchmarks.parts.system as system
import benchmarks.results.report as report
from benchmarks.processes import postgres
from benchmarks.results.findings import Findings

PARTS: Mapping[str, Callable[[str], Findings]] = {
    "availability": reads.availability,
    "shapes": reads.shapes,
    "hot": holds.hot,
    "spread": holds.spread,
    "alone": holds.alone,
    "streams": streams.streams,
    "sqlite": system.sqlite,
    "growth": system.growth,
    "live": live_holds.live,
    "expiry": live_holds.expiry,
    "orders": long_history.orders,
    "mixed": mixed.mixed,
    "scans": scans.scans,
    "hotscans": scans.hot_scans,
    "claims": floor_growth.claims,
    "walk": floor_growth.walk,
    "codes": floor_growth.codes,
    "sweeps": floor_growth.sweeps,
    "metrics": floor_growth.metrics,
    "rent": rent.rent,
    "protections": rent.protections,
    "start": system.start,
}


def main() -> None:
    """Run the parts, print the ratios, write the results."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), help="run this part alone")
    only = parser.parse_args().only
    found = []
    with postgres() as server:
        for name, part in PARTS.items():
            if only in (None, name):
                started = time.monotonic()
                print(f"{name}:", flush=True)
                found.append(part(server))
                report.write(found[-1])
                print(f"    {time.monotonic() - started:.0f} s", flush=True)
    report.show(found)


if __name__ == "__main__":
    main()
