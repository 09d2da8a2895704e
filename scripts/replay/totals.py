"""Totals of returns, refunds and books on the server, read after every payout is settled."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import scripts.replay.return_documents as documents
from scripts.replay.client import Api, ApiFailed
from scripts.replay.return_plan import Request, default_policy

# States that a payout leaves without a person's action.
ON_THE_WAY: Final = ("APPROVED", "PROCESSING", "UNKNOWN")
SETTLING_SECONDS: Final = 300.0
PREVIEWED_MAX: Final = 250


@dataclass
class Count:
    """Count, units and amount of returns or refunds.

    The amount is the file's credit for returns, and the money paid for refunds.
    """

    times: int = 0
    units: int = 0
    worth: Decimal = Decimal(0)


@dataclass
class Tally:
    """Returns by status, units by outcome, refunds by kind and status.

    Money in major units. `sold` is the sales price of the units in accepted returns.
    """

    returns: dict[str, Count] = field(default_factory=dict)
    first_decline: str = ""
    units: Counter[str] = field(default_factory=Counter)
    refunds: dict[tuple[str, str], Count] = field(default_factory=dict)
    components: dict[str, Decimal] = field(default_factory=dict)
    sold: Decimal = Decimal(0)
    previewed: int = 0
    previewed_declined: int = 0
    is_balanced: bool = True

    def paid(self, kind: str) -> Decimal:
        """Amount paid out by refunds of this kind."""
        found = self.refunds.get((kind, "SUCCEEDED"))
        return found.worth if found is not None else Decimal(0)

    @property
    def is_settled(self) -> bool:
        """True if every return is closed or declined, and every refund has succeeded or is
        cancelled."""
        over = {"CLOSED", "DECLINED"}
        done = {"SUCCEEDED", "CANCELLED"}
        return self.returns.keys() <= over and {status for _, status in self.refunds} <= done


async def tally(server: Api, requests: Mapping[str, Request]) -> Tally:
    """Wait until all payouts are settled, then count. Raises ApiFailed if they do not settle in
    time."""
    await _settled(server)
    counted = Tally()
    async for found in server.pages(documents.RETURNS):
        _count_return(counted, found, requests[found["id"]])
    async for refund in server.pages(documents.REFUNDS):
        _count_refund(counted, refund)
    balance = await server.ask(documents.BALANCE, {})
    counted.is_balanced = balance["trialBalance"]["balanced"]
    if requests:
        trial = {"input": default_policy(), "last": min(len(requests), PREVIEWED_MAX)}
        preview = (await server.ask(documents.PREVIEW, trial))["policyPreview"]
        counted.previewed = preview["decided"]
        outcomes = Counter(change["after"]["outcome"] for change in preview["changes"])
        counted.previewed_declined = outcomes["DECLINED"]
    return counted


async def _settled(server: Api) -> None:
    deadline = time.monotonic() + SETTLING_SECONDS
    for status in ON_THE_WAY:
        while (await server.ask(documents.UNSETTLED, {"status": status}))["refunds"]["nodes"]:
            if time.monotonic() > deadline:
                raise ApiFailed(f"payouts are still {status} after {SETTLING_SECONDS:,.0f} s")
            await asyncio.sleep(0.5)


def _count_return(counted: Tally, found: Mapping[str, Any], request: Request) -> None:
    status = found["status"]
    count = counted.returns.setdefault(status, Count())
    count.times += 1
    count.units += sum(item["quantity"] for item in found["items"])
    count.worth += request.worth
    if status == "DECLINED":
        counted.first_decline = counted.first_decline or found["authorization"]["reasons"][0]
        return
    counted.sold += Decimal(request.sold_minor) / 100
    for item in found["items"]:
        counted.units[item["disposition"] or item["state"]] += item["quantity"]


def _count_refund(counted: Tally, refund: Mapping[str, Any]) -> None:
    count = counted.refunds.setdefault((refund["kind"], refund["status"]), Count())
    count.times += 1
    count.worth += Decimal(refund["amount"]["amount"])
    if refund["kind"] != "RETURN" or refund["status"] != "SUCCEEDED":
        return
    for part in refund["breakdown"]:
        amount = Decimal(part["amount"]["amount"])
        counted.components[part["kind"]] = counted.components.get(part["kind"], Decimal(0)) + amount
