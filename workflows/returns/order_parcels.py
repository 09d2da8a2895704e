"""Parcels that are received by the number of their order: its returns that wait, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.reads.orders as order_reads
import models.queries.reads.returns as return_reads
import models.queries.returns.returns as return_queries
import workflows.returns.evaluation as return_evaluation
import workflows.returns.locked_returns as locked_returns
import workflows.returns.requests as return_requests
from domain.access.callers import Caller
from domain.errors import Invalid, NotFound
from domain.returns.receipts import ArrivedUnits
from domain.returns.states import ReturnItemState, ReturnStatus
from models.queries.listing.scopes import scope_of
from workflows.orders.locked_orders import LockedOrder
from workflows.returns.evaluation import RequestedLine
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

REASON = "UNANNOUNCED"
# A return that has expired takes units only if no other waits for them.
_WAITING = (
    frozenset({ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT, ReturnStatus.PARTIALLY_RECEIVED}),
    frozenset({ReturnStatus.EXPIRED}),
)


async def order_named(tx: Transaction, number: str, caller: Caller) -> UUID:
    """The order with this number, not locked. Raises NotFound unless the caller sees it."""
    scope = await scope_of(tx.session, caller)
    found = await order_reads.order_by_number(tx.session, scope, number)
    if found is None:
        raise NotFound("order", number, field=("orderNumber",))
    return found["id"]


async def lock_waiting(tx: Transaction, order: LockedOrder, caller: Caller) -> list[LockedReturn]:
    """Lock the returns of a locked order that wait for units, the oldest first, then expired ones.

    Returns that the caller does not see are left out.
    """
    scope = await scope_of(tx.session, caller)
    by_order = await return_reads.returns_by_order(tx.session, scope, [order.id])
    found = list(by_order.get(order.id, ()))
    found.sort(key=lambda row: (row["requested_at"], row["id"]))
    ids = [row["id"] for statuses in _WAITING for row in found if row["status"] in statuses]
    waiting = []
    for return_id in ids:
        tx.locking(LockClass.RETURN)
        row = await return_queries.lock_return(tx.session, return_id)
        assert row is not None
        waiting.append(await locked_returns.load(tx, order, row))
    return waiting


def share_out(
    waiting: Sequence[LockedReturn], contents: Sequence[ArrivedUnits]
) -> list[tuple[LockedReturn, list[ArrivedUnits]]]:
    """The units of a parcel that each return takes; returns without any are left out.

    1. Each return in turn takes the units of a SKU that it expects.
    2. The first one takes the rest; its receipt decides whether they join it.
    """
    taken: list[dict[str, int]] = [{} for _ in waiting]
    for sku, units in _by_sku(contents).items():
        left = units
        for part, locked in zip(taken, waiting, strict=True):
            part[sku] = min(left, _expected(locked, sku))
            left -= part[sku]
        taken[0][sku] += left
    shares = [
        (locked, [ArrivedUnits(sku, units) for sku, units in part.items() if units])
        for locked, part in zip(waiting, taken, strict=True)
    ]
    return [(locked, part) for locked, part in shares if part]


def _by_sku(contents: Sequence[ArrivedUnits]) -> dict[str, int]:
    units: dict[str, int] = {}
    for each in contents:
        units[each.sku] = units.get(each.sku, 0) + each.quantity
    return units


def _expected(locked: LockedReturn, sku: str) -> int:
    return sum(
        group.quantity
        for group in locked.groups
        if group.sku == sku and group.state is ReturnItemState.EXPECTED
    )


async def open_return(
    tx: Transaction, order: LockedOrder, contents: Sequence[ArrivedUnits], caller: Caller
) -> LockedReturn:
    """Open a return for the units of a parcel that the order can still return.

    The RETURN policy decides it. Raises Invalid if the order can return none of the units.
    """
    reason = await lookups.reason(tx.session, "RETURN", REASON)
    assert reason is not None  # a migration has added it
    wanted = await _wanted(tx, order, contents)
    if not wanted:
        raise Invalid(
            f"No return of the order {order.number} waits, and none of these units can still come"
            " back from it. Receive them without `orderNumber`, as a parcel without a return.",
            field=("input", "orderNumber"),
        )
    channel = (await lookups.channels_by_id(tx.session, [order.channel_id]))[order.channel_id]
    evaluation = await return_evaluation.evaluate_new(tx, order, channel, wanted, tx.now)
    groups = [
        ReturnUnits(
            id=tx.new_id(),
            position=position,
            item_id=each.line.item_id,
            sku=each.line.sku,
            category=None,
            quantity=each.quantity,
            state=ReturnItemState.EXPECTED,
            order_line_id=each.line.id,
            reason_id=reason.id,
            reason=reason.code,
            fast_lane=is_fast,
        )
        for position, (each, is_fast) in enumerate(zip(wanted, evaluation.fast_lane, strict=True))
    ]
    row = return_requests.add(tx, order, evaluation, requested_by=caller.actor, requested_at=tx.now)
    opened = return_requests.record_opened(tx, order, channel, row, groups, caller.actor)
    await tx.flush()
    return opened


async def _wanted(
    tx: Transaction, order: LockedOrder, contents: Sequence[ArrivedUnits]
) -> list[RequestedLine]:
    """The units as a request: of each SKU in the order of the order's lines, as far as they go."""
    left = _by_sku(contents)
    room = {line.id: line for line in await return_evaluation.returnable_lines(tx.session, order)}
    wanted = []
    for line in order.lines:
        units = min(left.get(line.sku, 0), room[line.id].returnable)
        if units > 0:
            left[line.sku] -= units
            wanted.append(RequestedLine(line, units, REASON))
    return wanted
