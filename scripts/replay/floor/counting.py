"""Cycle counts and transfers of the floor, and units that are put into their bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import scripts.replay.floor.documents as documents
from scripts.replay.client import Api, ApiFailed
from scripts.replay.floor.plan import COUNTED_DAILY, RESERVE, bin_of
from scripts.replay.floor.shelves import Shelves
from scripts.replay.floor.workers import FloorDone, Worker
from scripts.replay.order_plan import WAREHOUSE

CLAIMED_MAX: Final = 200
TRANSFER_LINES_MAX: Final = 500
ROUNDS_MAX: Final = 20


class StockWork:
    """Counts, transfers and put-aways. `clerk`: the client that asks for them."""

    def __init__(self, clerk: Api, shelves: Shelves, done: FloorDone) -> None:
        self._clerk = clerk
        self._shelves = shelves
        self._done = done

    async def put_away(self, worker: Worker) -> int:
        """Claim PUTAWAY tasks and put the units into their bins. Returns their number."""
        tasks = await worker.claim("PUTAWAY", CLAIMED_MAX)
        if not tasks:
            return 0
        lines = [
            {"sku": sku, "quantity": task["subject"]["unbinned"], "binCode": bin_of(sku)}
            for task in tasks
            for sku in (task["subject"]["item"]["sku"],)
        ]
        await worker.do(documents.PUT_AWAY, input={"locationCode": WAREHOUSE, "lines": lines})
        self._done.put_away += sum(line["quantity"] for line in lines)
        return len(tasks)

    async def transfer(self, units: Mapping[str, int], name: str, worker: Worker) -> None:
        """Bring units from the reserve to the warehouse; one of each transfer arrives damaged."""
        rows = sorted(units.items())
        for first in range(0, len(rows), TRANSFER_LINES_MAX):
            some = dict(rows[first : first + TRANSFER_LINES_MAX])
            request = {
                "originCode": RESERVE,
                "destinationCode": WAREHOUSE,
                "reference": f"{name}-{first}",
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in some.items()],
            }
            created = await self._clerk.mutate(
                documents.CREATE_TRANSFER, {"input": request}, key=f"replay-transfer-{name}-{first}"
            )
            await self._carry(created["transfer"]["id"], some, worker)

    async def _carry(self, transfer: str, units: Mapping[str, int], worker: Worker) -> None:
        """Ship a transfer and receive it, each as the task of the worker."""
        await _claim_transfer(worker, "PICK", RESERVE, transfer)
        await worker.do(documents.SHIP_TRANSFER, input={"transferId": transfer})
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
        broken = next(iter(units))
        lines[0] = {"sku": broken, "quantity": units[broken] - 1, "damaged": 1}
        await _claim_transfer(worker, "RECEIVE", WAREHOUSE, transfer)
        receipt = {
            "transferId": transfer,
            "locationCode": WAREHOUSE,
            "lines": lines,
            "complete": True,
        }
        received = await worker.do(documents.RECEIVE_TRANSFER, input=receipt)
        if received["transfer"]["status"] != "CLOSED":
            raise ApiFailed(f"transfer {received['transfer']['number']} is not CLOSED")
        for sku, quantity in units.items():
            self._shelves.add(sku, -quantity, RESERVE)
            self._shelves.add(sku, quantity)
        self._shelves.add(broken, -1)
        self._shelves.lost[broken] += 1
        self._done.damaged += 1
        self._done.transfers += 1
        self._done.transferred += sum(units.values())

    async def ask_for_counts(self, name: str) -> None:
        """Have the levels counted whose last count is the longest ago."""
        request = {"locationCode": WAREHOUSE, "limit": COUNTED_DAILY}
        await self._clerk.mutate(
            documents.CREATE_COUNT, {"input": request}, key=f"replay-count-{name}"
        )

    async def count(self, workers: Sequence[Worker], approver: Worker) -> None:
        """Record all counts that are open at the warehouse."""
        for number in range(ROUNDS_MAX):
            recorded = [await self._record(worker, approver) for worker in workers]
            if not any(recorded):
                return
            self._done.recounts += sum(recorded) if number else sum(recorded[1:])
        raise ApiFailed(f"counts are still open after {ROUNDS_MAX} rounds")

    async def _record(self, worker: Worker, approver: Worker) -> int:
        """Record the counts that a worker can claim, or holds since one that did not count."""
        mine = {"queue": "COUNT", "location": WAREHOUSE, "actor": worker.actor}
        held = (await worker.api.ask(documents.CLAIMED, mine))["tasks"]["nodes"]
        if held:
            await worker.do(documents.RENEW, ids=[task["id"] for task in held])
        tasks = [*held, *await worker.claim("COUNT", CLAIMED_MAX)]
        if not tasks:
            return 0
        skus = [task["subject"]["item"]["sku"] for task in tasks]
        counted = {"locationCode": WAREHOUSE, "places": [self._place(sku) for sku in skus]}
        payload = await worker.do(documents.RECORD_COUNT, input=counted)
        lines = dict(zip(skus, payload["lines"], strict=True))
        doubtful = {sku: line for sku, line in lines.items() if line["status"] == "NEEDS_APPROVAL"}
        if doubtful:
            ids = [line["id"] for line in doubtful.values()]
            await approver.do(documents.APPROVE_COUNT, ids=ids, note="Counted twice.")
            self._done.approved += len(ids)
        for sku, line in lines.items():
            if line["status"] != "RECOUNT":
                self._done.counted += 1
                self._done.exact += (WAREHOUSE, sku) not in self._shelves.doubted
                self._shelves.doubted.discard((WAREHOUSE, sku))
        return len(tasks)

    def _place(self, sku: str) -> dict[str, Any]:
        units = self._shelves.units(sku, WAREHOUSE)
        return {"sku": sku, "quantity": units, "binCode": bin_of(sku)}


async def _claim_transfer(worker: Worker, queue: str, location: str, transfer: str) -> None:
    """Claim the task of a transfer. Raises ApiFailed if the queue has none."""
    tasks = await worker.claim(queue, CLAIMED_MAX, location)
    if all(task["subject"]["id"] != transfer for task in tasks):
        raise ApiFailed(f"the queue {queue} of {location} has no task of the transfer {transfer}")
