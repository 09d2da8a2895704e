"""Carries returns out through the API: asked for, authorized, received, inspected, disposed, paid.

Each part is done with the key of whoever would do it: four eyes are real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    """The API, as each of the people speaks to it who have a part in a return."""

    clerk: Api
    supervisor: Api
    inspectors: tuple[Api, Api]
    approvers: tuple[Api, Api]


@dataclass(frozen=True, slots=True)
class Sold:
    """A placed order as the server knows it: its id, and those of its lines by their position."""

    id: str
    lines: tuple[str, ...]


@dataclass
class GaveBack:
    """What became of the plan, as far as only the replay knows it.

    `asked`: the request behind each return's id. Parcels that nobody can match, by reason.
    """

    asked: dict[str, Request] = field(default_factory=dict)
    parcels: dict[str, list[Parcel]] = field(default_factory=dict)
    goodwill: list[Goodwill] = field(default_factory=list)
    authorized_by_hand: int = 0
    second_looks: int = 0
    approvals: int = 0


async def hire(clerk: Api) -> Staff:
    """Mint a key for each of the staff, and publish the shop's RETURN policy."""
    hired = []
    for actor, role in STAFF:
        key = {"name": f"replay {actor}", "role": role, "actor": actor}
        made = await clerk.mutate(documents.KEY, {"input": key}, key=f"replay-key-{actor}")
        hired.append(clerk.colleague(made["secret"]))
    await clerk.mutate(documents.POLICY, {"input": policy()}, key="replay-return-policy")
    supervisor, first, second, *finance = hired
    return Staff(clerk, supervisor, (first, second), (finance[0], finance[1]))


class GiveBack:
    """Gives back what the credit notes say. `sold` is filled as orders are placed."""

    def __init__(
        self,
        staff: Staff,
        sold: Mapping[str, Sold],
        prices: Mapping[str, int | None],
        currency: str,
        findings: Findings,
    ) -> None:
        self._staff = staff
        self._sold = sold
        self._prices = prices
        self._currency = currency
        self._findings = findings
        self.done = GaveBack()

    async def note(self, note: CreditNote) -> None:
        """Carry one credit note out. Raises Refused."""
        for request in note.requests:
            await self._request(request)
        for parcel in note.parcels:
            await self._keep(parcel)
        for goodwill in note.goodwill:
            await self._give(goodwill)

    async def _request(self, request: Request) -> None:
        sold = self._sold.get(request.order.reference)
        if sold is None:
            return  # the order was refused, which is told already
        # by identity: lines of an invoice may be equal to each other
        line_ids = {
            id(line): line_id for line, line_id in zip(request.order.lines, sold.lines, strict=True)
        }
        asking = {
            "orderId": sold.id,
            "requestedAt": request.at.isoformat(),
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
        asked = await clerk.mutate(documents.REQUEST, {"input": asking}, key=f"{name}-request")
        found = asked["return"]
        self.done.asked[found["id"]] = request
        if found["status"] == "DECLINED":
            return
        if found["status"] == "REQUESTED":
            told = {"id": found["id"], "note": "The goods and the customer are known."}
            await self._staff.supervisor.mutate(documents.AUTHORIZE, told, key=f"{name}-authorize")
            self.done.authorized_by_hand += 1
        await self._take_in(name, found)

    async def _take_in(self, name: str, found: Mapping[str, Any]) -> None:
        """Receive all of it, inspect what did not pass unseen, dispose of it, agree to pay."""
        parcel = {
            "returnId": found["id"],
            "locationCode": WAREHOUSE,
            "complete": True,
            "items": [
                {"returnItemId": item["id"], "sku": item["sku"], "quantity": item["quantity"]}
                for item in found["items"]
            ],
        }
        first, second = self._staff.inspectors
        came = await first.mutate(documents.RECEIVE, {"input": parcel}, key=f"{name}-receive")
        found = came["return"]
        for inspector in (first, second):
            waiting = [item for item in found["items"] if item["state"] == "RECEIVED"]
            if not waiting:
                break
            self.done.second_looks += inspector is second
            findings = [_finding(name, item) for item in waiting]
            looked = await inspector.mutate(
                documents.INSPECT,
                {"input": {"returnId": found["id"], "findings": findings}},
                key=f"{name}-{'first' if inspector is first else 'second'}-look",
            )
            found = looked["return"]
        await self._dispose(found["items"])
        # whoever inspects does not see the money
        money = await self._staff.approvers[0].ask(documents.REFUNDS_OF, {"id": found["id"]})
        await self._approve(money["return"]["refunds"])

    async def _dispose(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            if item["state"] != "INSPECTED" or item["disposition"] not in HOLDING:
                continue
            step = {
                "returnItemId": item["id"],
                "quantity": item["quantity"],
                "disposition": exit_for(item["disposition"], self._prices.get(item["sku"])),
            }
            await self._staff.inspectors[0].mutate(
                documents.DISPOSE, {"input": step}, key=f"{item['id']}-dispose"
            )

    async def _approve(self, refunds: Iterable[Mapping[str, Any]]) -> None:
        for refund in refunds:
            if refund["status"] != "NEEDS_APPROVAL":
                continue
            people = self._staff.approvers[: refund["approvalsRequired"]]
            for number, approver in enumerate(people):
                key = f"{refund['id']}-approve-{number}"
                await approver.mutate(documents.APPROVE, {"id": refund["id"]}, key=key)
                self.done.approvals += 1

    async def _keep(self, parcel: Parcel) -> None:
        """A parcel that nobody can match: its exception ends with the reason in words."""
        came = {
            "locationCode": WAREHOUSE,
            "trackingNumber": parcel.reference,
            "items": [{"sku": row.sku, "quantity": row.units} for row in parcel.rows],
        }
        receiver = self._staff.inspectors[0]
        kept = await receiver.mutate(
            documents.RECEIVE, {"input": came}, key=f"{parcel.reference}-receive"
        )
        told = f"Credit note {parcel.rows[0].note}: {UNMATCHED[parcel.why]}."
        resolution = f"{told} Nobody is paid; the units stay in quarantine."
        await self._staff.supervisor.mutate(
            documents.RESOLVE,
            {"id": kept["exception"]["id"], "resolution": resolution},
            key=f"{parcel.reference}-resolve",
        )
        self.done.parcels.setdefault(parcel.why, []).append(parcel)

    async def _give(self, goodwill: Goodwill) -> None:
        sold, fee = self._sold.get(goodwill.order.reference), goodwill.fee
        if sold is None:
            return
        amount = decimals(int(fee.worth * 100))
        asking = {
            "orderId": sold.id,
            "amount": {"amount": amount, "currencyCode": self._currency},
            "reasonCode": "OTHER",
            "note": f"{fee.kind} given back by credit note {fee.note}",
        }
        try:
            opened = await self._staff.supervisor.mutate(
                documents.GOODWILL, {"input": asking}, key=f"{goodwill.reference}-refund"
            )
        except Refused as refused:
            if refused.errors[0]["code"] != "REFUND_EXCEEDS_BALANCE":
                raise
            told = "fees given back beyond what is left of the order's money: refused"
            self._findings.note(told, fee.worth)
            return
        self.done.goodwill.append(goodwill)
        await self._approve(opened["refunds"])


def _finding(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    grade = grade_for(name, item["sku"], item["reason"]["code"])
    return {"returnItemId": item["id"], "quantity": item["quantity"], "condition": grade}


def worth_of(parcels: Iterable[Parcel]) -> Decimal:
    """What the file gave for what is in these parcels."""
    return sum((row.worth for parcel in parcels for row in parcel.rows), Decimal(0))
