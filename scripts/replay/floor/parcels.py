"""Work on parcels: picked along the walk by scans, packed by scans, dispatched under labels."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import scripts.replay.floor.documents as documents
from scripts.replay.client import ApiFailed, Refused
from scripts.replay.floor.plan import SHORT_ONE_IN, WRONG_ONE_IN, drawn, parcels
from scripts.replay.floor.shelves import Shelves
from scripts.replay.floor.workers import FloorDone, Worker
from scripts.replay.order_plan import WAREHOUSE

PICKED_AT_ONCE: Final = 10
PACKED_AT_ONCE: Final = 10
SHIPPED_AT_ONCE: Final = 100
SCANS_MAX: Final = 200
LABEL_SECONDS: Final = 60.0

Scan = dict[str, Any]


@dataclass
class _Walk:
    """Scans of one walk. `wrong` are made at its end, once too often; `short` is the number of
    units of each parcel that are not found.
    """

    scans: list[Scan] = field(default_factory=list)
    wrong: list[Scan] = field(default_factory=list)
    short: Counter[str] = field(default_factory=Counter)


class ParcelWork:
    """Picks, packs and ships parcels. `names`: the file's reference of each order, by its id."""

    def __init__(self, shelves: Shelves, done: FloorDone) -> None:
        self._shelves = shelves
        self._done = done
        self.names: dict[str, str] = {}

    async def pick(self, worker: Worker) -> int:
        """Claim PICK tasks and pick them along one walk. Returns their number."""
        tasks = await worker.claim("PICK", PICKED_AT_ONCE)
        if not tasks:
            return 0
        answer = await worker.api.ask(documents.WALK, {"location": WAREHOUSE})
        walk = self._walk(answer["pickWalk"])
        for scan in await self._scan(worker, "PICK", [*walk.scans, *walk.wrong], walk.wrong):
            self._shelves.add(scan["code"], -scan["quantity"])
            self._done.picked += scan["quantity"]
        if walk.short:
            await self._report_short(worker, walk.short)
        return len(tasks)

    def _walk(self, stops: Sequence[Mapping[str, Any]]) -> _Walk:
        walk = _Walk()
        decided = set()
        for stop in stops:
            sku, place = stop["item"]["sku"], stop["bin"] and stop["bin"]["code"]
            for part in stop["parts"]:
                parcel, units = part["fulfillment"], part["quantity"]
                name = self._name(parcel)
                scan = {"code": sku, "fulfillmentId": parcel["id"]}
                if (name, sku) not in decided:
                    decided.add((name, sku))
                    if drawn(SHORT_ONE_IN, "short", name, sku):
                        units -= 1
                        walk.short[parcel["id"]] += 1
                        self._shelves.lose(sku, 1)
                    elif drawn(WRONG_ONE_IN, "wrong", name, sku):
                        walk.wrong.append({**scan, "quantity": 1})
                if units:
                    tote = f"TOTE-{parcel['number']}"
                    found = {"quantity": units, "binCode": place, "tote": tote}
                    walk.scans.append({**scan, **found})
        return walk

    def _name(self, parcel: Mapping[str, Any]) -> str:
        """The file's reference of the order, and the place of the parcel in it."""
        place = parcel["number"].rpartition("-")[2]
        return f"{self.names[parcel['order']['id']]}-{place}"

    async def _scan(
        self, worker: Worker, queue: str, scans: Sequence[Scan], wrong: Sequence[Scan] = ()
    ) -> list[Scan]:
        """Send scans in their order and return the counted ones. Raises Refused unless exactly the
        wrong ones are refused.
        """
        counted = []
        for first in range(0, len(scans), SCANS_MAX):
            some = scans[first : first + SCANS_MAX]
            variables = {"location": WAREHOUSE, "queue": queue, "scans": some}
            payload = await worker.api.attempt(documents.SCAN, variables, key=worker.key())
            errors = payload["userErrors"]
            mismatches = [each for each in errors if each["code"] == "SCAN_MISMATCH"]
            results = zip(some, payload["results"], strict=True)
            found = [scan for scan, result in results if result is not None]
            expected = [scan for scan in some if not any(scan is each for each in wrong)]
            if len(mismatches) < len(errors) or found != expected:
                raise Refused("fulfillmentScan", errors)
            counted += found
            self._done.scans += len(some)
            self._done.refused += len(errors)
            self._done.scans_by_queue[queue] += len(some)
        return counted

    async def _report_short(self, worker: Worker, short: Mapping[str, int]) -> None:
        """Report the units that are not scanned as short."""
        answer = await worker.api.ask(documents.LINES, {"ids": list(short)})
        for parcel in answer["nodes"]:
            shortages = [
                {"orderLineId": line["orderLineId"], "quantity": line["quantity"] - line["picked"]}
                for line in parcel["lines"]
                if line["picked"] < line["quantity"]
            ]
            units = sum(each["quantity"] for each in shortages)
            if units != short[parcel["id"]]:
                raise ApiFailed(f"{units} units are unscanned; {short[parcel['id']]} are missing")
            await worker.do(documents.PICK, id=parcel["id"], shortages=shortages)
            self._done.short += units

    async def pack(self, worker: Worker) -> int:
        """Claim PACK tasks, scan the units and pack each parcel. Returns their number."""
        tasks = await worker.claim("PACK", PACKED_AT_ONCE)
        for task in tasks:
            parcel = task["subject"]
            units: Counter[str] = Counter()
            for line in parcel["lines"]:
                units[line["sku"]] += line["quantity"]
            scans = [
                {"code": sku, "quantity": quantity, "fulfillmentId": parcel["id"]}
                for sku, quantity in units.items()
            ]
            await self._scan(worker, "PACK", scans)
            planned = parcels(self._name(parcel), parcel["lines"])
            await worker.do(documents.PACK, id=parcel["id"], parcels=planned)
        return len(tasks)

    async def ship(self, worker: Worker) -> int:
        """Claim SHIP tasks and dispatch their parcels by their labels. Returns their number."""
        tasks = await worker.claim("SHIP", SHIPPED_AT_ONCE)
        if not tasks:
            return 0
        codes = await self._labels(worker, [task["subject"]["id"] for task in tasks])
        sent = await worker.do(documents.DISPATCH, location=WAREHOUSE, codes=codes)
        for parcel in sent["fulfillments"]:
            at = datetime.fromisoformat(parcel["shippedAt"])
            first = self._done.shipped_at.setdefault(parcel["order"]["id"], at)
            self._done.shipped_at[parcel["order"]["id"]] = min(first, at)
            self._done.parcels += 1
        return len(tasks)

    async def _labels(self, worker: Worker, ids: Sequence[str]) -> list[str]:
        """The tracking numbers of parcels, once a label is bought for each."""
        deadline = time.monotonic() + LABEL_SECONDS
        while True:
            answer = await worker.api.ask(documents.LABELS, {"ids": list(ids)})
            codes = [parcel["trackingNumber"] for parcel in answer["nodes"]]
            if None not in codes:
                return codes
            if time.monotonic() > deadline:
                raise ApiFailed(f"parcels have no label after {LABEL_SECONDS:,.0f} s")
            await asyncio.sleep(0.2)
