"""Carry out returns through the API: request, authorize, receive, inspect, dispose, pay.

Each step uses the key of the actor whose work it is, so approvals by a second person are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import scripts.replay.return_documents as documents
from scripts.replay.client import Api, Refused
from scripts.replay.event_file import Findings
from scripts.replay.order_plan import WAREHOUSE, decimals
from scripts.replay.return_plan import (
    UNMATCHED,
    CreditNote,
    Goodwill,
    Parcel,
    Request,
    exit_for,
    grade_for,
    policy,
    reason_for,
)

STAFF: Final = (
    ("supervisor", "SUPERVISOR"),
    ("inspector-1", "WAREHOUSE"),
    ("inspector-2", "WAREHOUSE"),
    ("finance-1", "FINANCE"),
    ("finance-2", "FINANCE"),
)
HOLDING: Final = frozenset({"QUARANTINE", "REFURBISH"})


@dataclass(frozen=True, slots=True)
class Staff:
    """API clients of the people who take part in a return, each with its own key."""

    clerk: Api
    supervisor: Api
    inspectors: tuple[Api, Api]
    approvers: tuple[Api, Api]


@dataclass(frozen=True, slots=True)
class Sold:
    """Server ids of a placed order and of its lines, in the order of the lines.

    `shipped_at`: when its first parcel left; until then the time of the invoice.
    """

    id: str
    lines: tuple[str, ...]
    shipped_at: datetime


@dataclass
class ReturnsDone:
    """Results that only the replay knows, not the server.

    `requests`: the request of each return id. `parcels`: unmatched parcels by reason. `restocked`:
    units by SKU that came back onto the shelf.
    """

    requests: dict[str, Request] = field(default_factory=dict)
    parcels: dict[str, list[Parcel]] = field(default_factory=dict)
    goodwill: list[Goodwill] = field(default_factory=list)
    authorized_by_hand: int = 0
    second_inspections: int = 0
    approvals: int = 0
    restocked: Counter[str] = field(default_factory=Counter)


async def create_staff(clerk: Api) -> Staff:
    """Create a key for each member of staff, and publish the shop's RETURN policy."""
    clients = []
    for actor, role in STAFF:
        key = {"name": f"replay {actor}", "role": role, "actor": actor}
        made = await clerk.mutate(documents.KEY, {"input": key}, key=f"replay-key-{actor}")
        clients.append(clerk.with_key(made["secret"]))
    await clerk.mutate(documents.POLICY, {"input": policy()}, key="replay-return-policy")
    supervisor, first, second, *finance = clients
    return Staff(clerk, supervisor, (first, second), (finance[0], finance[1]))


class ReturnsRun:
    """Carry out credit notes. `sold` is filled while orders are placed.

    `desk`: the bin where units wait for their inspection.
    """

    def __init__(
        self,
        staff: Staff,
        sold: Mapping[str, Sold],
        prices: Mapping[str, int | None],
        currency: str,
        findings: Findings,
        desk: str | None,
    ) -> None:
        self._staff = staff
        self._sold = sold
        self._prices = prices
        self._currency = currency
        self._findings = findings
        self._desk = desk
        self.done = ReturnsDone()

    async def note(self, note: CreditNote) -> None:
        """Carry out one credit note. Raises Refused."""
        for request in note.requests:
            await self._request(request)
        for parcel in note.parcels:
            await self._receive_unmatched(parcel)
        for goodwill in note.goodwill:
            await self._refund_fee(goodwill)

    async def _request(self, request: Request) -> None:
        sold = self._sold.get(request.order.reference)
        if sold is None:
            return  # the order was refused, which is already counted
        # By identity: two lines of an invoice may be equal.
        line_ids = {
            id(line): line_id for line, line_id in zip(request.order.lines, sold.lines, strict=True)
        }
        command = {
            "orderId": sold.id,
            "requestedAt": max(request.at, sold.shipped_at).isoformat(),
            "carrier": "Replay",
            "trackingNumber": request.reference,
            "items": [
                {
                    "orderLineId": line_ids[id(row.line)],
                    "quantity": row.units,
                    "reasonCode": reason_for(row),
                }
                for row in request.rows
                if row.line is not None
            ],
        }
        clerk, name = self._staff.clerk, request.reference
        requested = await clerk.mutate(documents.REQUEST, {"input": command}, key=f"{name}-request")
        found = requested["return"]
        self.done.requests[found["id"]] = request
        if found["status"] == "DECLINED":
            return
        if found["status"] == "REQUESTED":
            authorization = {"id": found["id"], "note": "The goods and the customer are known."}
            await self._staff.supervisor.mutate(
                documents.AUTHORIZE, authorization, key=f"{name}-authorize"
            )
            self.done.authorized_by_hand += 1
        await self._receive_and_inspect(name, found)

    async def _receive_and_inspect(self, name: str, found: Mapping[str, Any]) -> None:
        """Receive the parcel, inspect and dispose of its units, and approve the refunds.

        Units on the fast lane need no inspection.
        """
        parcel = {
            "returnId": found["id"],
            "locationCode": WAREHOUSE,
            "binCode": self._desk,
            "complete": True,
            "items": [
                {"returnItemId": item["id"], "sku": item["sku"], "quantity": item["quantity"]}
                for item in found["items"]
            ],
        }
        first, second = self._staff.inspectors
        received = await first.mutate(documents.RECEIVE, {"input": parcel}, key=f"{name}-receive")
        found = received["return"]
        for inspector in (first, second):
            waiting = [item for item in found["items"] if item["state"] == "RECEIVED"]
            if not waiting:
                break
            self.done.second_inspections += inspector is second
            findings = [_finding(name, item) for item in waiting]
            inspected = await inspector.mutate(
                documents.INSPECT,
                {"input": {"returnId": found["id"], "findings": findings}},
                key=f"{name}-{'first' if inspector is first else 'second'}-inspection",
            )
            found = inspected["return"]
        for item in found["items"]:
            if item["state"] == "DISPOSED" and item["disposition"] == "RESTOCK":
                self.done.restocked[item["sku"]] += item["quantity"]
        await self._dispose(found["items"])
        # Inspectors do not see the money.
        money = await self._staff.approvers[0].ask(documents.REFUNDS_OF, {"id": found["id"]})
        await self._approve(money["return"]["refunds"])

    async def _dispose(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            if item["state"] != "INSPECTED" or item["disposition"] not in HOLDING:
                continue
            disposition = exit_for(item["disposition"], self._prices.get(item["sku"]))
            step = {
                "returnItemId": item["id"],
                "quantity": item["quantity"],
                "disposition": disposition,
            }
            await self._staff.inspectors[0].mutate(
                documents.DISPOSE, {"input": step}, key=f"{item['id']}-dispose"
            )
            if disposition == "RESTOCK":
                self.done.restocked[item["sku"]] += item["quantity"]

    async def _approve(self, refunds: Iterable[Mapping[str, Any]]) -> None:
        for refund in refunds:
            if refund["status"] != "NEEDS_APPROVAL":
                continue
            people = self._staff.approvers[: refund["approvalsRequired"]]
            for number, approver in enumerate(people):
                key = f"{refund['id']}-approve-{number}"
                await approver.mutate(documents.APPROVE, {"id": refund["id"]}, key=key)
                self.done.approvals += 1

    async def _receive_unmatched(self, parcel: Parcel) -> None:
        """Receive an unmatched parcel and scrap its units, with the reason."""
        receipt = {
            "locationCode": WAREHOUSE,
            "trackingNumber": parcel.reference,
            "items": [{"sku": row.sku, "quantity": row.units} for row in parcel.rows],
        }
        receiver = self._staff.inspectors[0]
        received = await receiver.mutate(
            documents.RECEIVE, {"input": receipt}, key=f"{parcel.reference}-receive"
        )
        note = f"Credit note {parcel.rows[0].note}: {UNMATCHED[parcel.why]}. No refund is paid."
        units: Counter[str] = Counter()
        for row in parcel.rows:
            units[row.sku] += row.units
        for sku, quantity in units.items():
            await self._staff.supervisor.mutate(
                documents.DISPOSE_UNIDENTIFIED,
                {
                    "exception": received["exception"]["id"],
                    "sku": sku,
                    "quantity": quantity,
                    "disposition": "SCRAP",
                    "note": note,
                },
                key=f"{parcel.reference}-dispose-{sku}",
            )
        self.done.parcels.setdefault(parcel.why, []).append(parcel)

    async def _refund_fee(self, goodwill: Goodwill) -> None:
        sold, fee = self._sold.get(goodwill.order.reference), goodwill.fee
        if sold is None:
            return
        amount = decimals(int(fee.worth * 100))
        command = {
            "orderId": sold.id,
            "amount": {"amount": amount, "currencyCode": self._currency},
            "reasonCode": "OTHER",
            "note": f"{fee.kind} refunded by credit note {fee.note}",
        }
        try:
            opened = await self._staff.supervisor.mutate(
                documents.GOODWILL, {"input": command}, key=f"{goodwill.reference}-refund"
            )
        except Refused as refused:
            if refused.errors[0]["code"] != "REFUND_EXCEEDS_BALANCE":
                raise
            self._findings.note(
                "refunded fees above the order's refundable balance: refused", fee.worth
            )
            return
        self.done.goodwill.append(goodwill)
        await self._approve(opened["refunds"])


def _finding(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    grade = grade_for(name, item["sku"], item["reason"]["code"])
    return {"returnItemId": item["id"], "quantity": item["quantity"], "condition": grade}


def credited(parcels: Iterable[Parcel]) -> Decimal:
    """Amount that the file credits for the units in these parcels."""
    return sum((row.worth for parcel in parcels for row in parcel.rows), Decimal(0))
