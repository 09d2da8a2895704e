"""Work of the floor that the file lacks, made up by stated rules: bins, faults, parcels, transfers.

FLOOR_RULES is printed with the summary. Each choice is drawn by a checksum of what it concerns, so
two runs agree without a seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from zlib import crc32

from scripts.replay.order_plan import CASE, WAREHOUSE

RESERVE: Final = "ANNEX"
DESK: Final = "DESK-1"
ZONES: Final = "ABCD"
BINS_PER_ZONE: Final = 10
WORKERS: Final = 4
SHORT_ONE_IN: Final = 50
WRONG_ONE_IN: Final = 100
SEVERAL_PARCELS_ONE_IN: Final = 10
FROM_RESERVE_ONE_IN: Final = 4
COUNTED_DAILY: Final = 20

FLOOR_RULES: Final = (
    f"{WAREHOUSE} has {len(ZONES) * BINS_PER_ZONE} bins in {len(ZONES)} zones, and requires that"
    " each unit is scanned. Each item has one bin, by the checksum of its SKU.",
    "Parcels are shipped, and returns requested, at the time of the replay. So no return is late.",
    f"{WORKERS} workers, each with a key, share the queues. Each day its orders are placed, picked"
    " along the walk, packed and dispatched under labels of the simulated carrier.",
    f"One unit of one line in {SHORT_ONE_IN} is not found by the picker and is gone. One scan in"
    f" {WRONG_ONE_IN} is made once too often. One parcel in {SEVERAL_PARCELS_ONE_IN} is packed in"
    " two.",
    f"The first delivery of an item has one more case of {CASE}. Units that are lost are delivered"
    " again in the next week.",
    f"The deliveries of one item in {FROM_RESERVE_ONE_IN} go to {RESERVE}, and from there to"
    f" {WAREHOUSE} by a transfer in the same week. One unit of each transfer arrives damaged.",
    f"Each day {COUNTED_DAILY} levels are counted, and those that pickers doubt. A counter records"
    " what is there by the replay's own record, which never reads the books.",
)


def drawn(one_in: int, *facts: str) -> bool:
    """Draw one case in `one_in`; the same on every run."""
    return crc32(" ".join(facts).encode()) % one_in == 0


def bins() -> list[str]:
    """The codes of all bins, in walk order."""
    return [f"{zone}-{number}" for zone in ZONES for number in range(1, BINS_PER_ZONE + 1)]


def bin_of(sku: str) -> str:
    """The bin in which all units of an item belong."""
    number = crc32(sku.encode()) % (len(ZONES) * BINS_PER_ZONE)
    return f"{ZONES[number // BINS_PER_ZONE]}-{number % BINS_PER_ZONE + 1}"


def is_from_reserve(sku: str) -> bool:
    """True if the deliveries of an item go to the reserve first."""
    return drawn(FROM_RESERVE_ONE_IN, "reserve", sku)


def location_inputs(main: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The warehouse with scans, its zones and bins, the returns desk, and the reserve."""
    reserve = {**main, "code": RESERVE, "name": "Reserve"}
    zones = [
        {"code": zone, "name": f"Zone {zone}", "kind": "ZONE", "parentCode": WAREHOUSE}
        for zone in ZONES
    ]
    shelves = [
        {"code": code, "name": code, "kind": "BIN", "parentCode": code[0], "walkOrder": place}
        for place, code in enumerate(bins())
    ]
    desk = {"code": DESK, "name": "Returns desk", "kind": "BIN", "parentCode": WAREHOUSE}
    strict = {**main, "scanRequired": True, "packRequired": True}
    return [strict, reserve, *zones, *shelves, desk]


def policy() -> dict[str, Any]:
    """FULFILLMENT policy of the shop: a label is bought when a parcel is packed."""
    return {"kind": "FULFILLMENT", "scope": "global", "rules": {"labelOnPack": True}}


def parcels(name: str, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parcels of a fulfillment with these lines: one, or now and then two."""
    units = [{"orderLineId": line["orderLineId"], "quantity": line["quantity"]} for line in lines]
    whole = sum(each["quantity"] for each in units)
    if whole < 2 or not drawn(SEVERAL_PARCELS_ONE_IN, "parcels", name):
        return [{"weightGrams": 1_000}]
    first = units[0]
    if len(units) > 1:
        return [{"units": [first], "weightGrams": 500}, {"units": units[1:], "weightGrams": 900}]
    rest = {**first, "quantity": first["quantity"] - 1}
    return [{"units": [{**first, "quantity": 1}]}, {"units": [rest]}]
