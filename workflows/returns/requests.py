"""Return requests of customers, decided by the RETURN policy when they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.returns.evaluation as evaluation_queries
import workflows.orders.locked_orders as locked_orders
import workflows.returns.evaluation as return_evaluation
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
import workflows.rollout.cases as cases
from domain.access.callers import Caller
from domain.errors import DomainError, Invalid, LimitExceeded, NotFound
from domain.events.returns import ReturnAuthorized, ReturnDeclined, ReturnRequested
from domain.orders.orders import check_cause, check_client_time
from domain.policies.decisions import decided
from domain.problems import Problems
from domain.returns.returnable_units import LineRequest, match_lines
from domain.returns.states import ReturnItemState, ReturnStatus, rma_number_of
from domain.stock.states import check_quantity
from domain.values.codes import check_stored, store_codes
from domain.values.references import parse_all
from domain.values.texts import NOTE_MAX
from models.queries.catalog.lookups import ChannelFacts, ReasonFacts
from models.returns import Return, ReturnItem, ReturnRow
from workflows.access.visibility import sees_order
from workflows.catalog.reason_codes import active_reason
from workflows.orders.locked_orders import LockedOrder
from workflows.returns.evaluation import Evaluation, RequestedLine
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ITEMS_MAX = 200
# Actor of decisions made by policy. No API key may have this name (domain/access/api_keys.py).
POLICY = "policy"


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """Units to return: of an order line, or of a SKU that is matched with the order's lines."""

    quantity: int
    reason_code: str
    order_line_id: UUID | None = None
    sku: str | None = None
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        store_codes(self, "reason_code", "sku")


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """Request to return units of one order. Units of several orders need several returns."""

    items: tuple[RequestedItem, ...]
    order_id: UUID | None = None
    channel: str | None = None
    order_external_reference: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    customer_note: str | None = None
    requested_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "channel", "order_external_reference", "carrier", "tracking_number")


@one_by_one("returnRequest")
async def request(tx: Transaction, command: RequestReturn, caller: Caller) -> Mapping[str, Any]:
    """Open a return and decide it by the RETURN policy: AUTHORIZED, DECLINED or REQUESTED.

    A declined request is stored too, with the reasons. Locks the order. Raises OverReturn if more
    units are requested than were shipped and are not in other returns, Invalid, NotFound or
    LimitExceeded. Records `return.requested`, then `return.authorized` or `return.declined`.
    """
    try:
        _check_items(command)
        problems, may_backdate = Problems(), caller.may("backdate")
        problems.each(_checks_of(command))
        with problems.under():
            requested_at = check_client_time(
                command.requested_at, tx.now, may_backdate=may_backdate, field="requestedAt"
            )
        reasons = await _reasons(tx, command.items, problems)
        with problems.under():
            order = await _lock_order(tx, command, caller)
        problems.refuse()
        groups, wanted = await _match(tx, order, command, reasons)
        requested_at = await _after_shipment(tx, order, command, requested_at)
    except DomainError as error:
        raise error.under("input") from None
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    channel = channels[order.channel_id]
    evaluation = await return_evaluation.evaluate_new(tx, order, channel, wanted, requested_at)
    for group, is_fast in zip(groups, evaluation.fast_lane, strict=True):
        group.fast_lane = is_fast
    row = add(
        tx,
        order,
        evaluation,
        requested_by=caller.actor,
        requested_at=requested_at,
        carrier=command.carrier,
        tracking_number=command.tracking_number,
        customer_note=command.customer_note,
    )
    opened = record_opened(tx, order, channel, row, groups, caller.actor)
    return {"return": str(opened.id)}


def check_note(note: str | None, *field: str) -> str | None:
    """Raise Invalid for a note of more than NOTE_MAX characters."""
    if note is not None and len(note) > NOTE_MAX:
        raise Invalid(
            f"At most {NOTE_MAX} characters are allowed; {len(note)} were sent.", field=field
        )
    return note


def _check_items(command: RequestReturn) -> None:
    if not command.items:
        raise Invalid("At least one item is required; none was sent.", field=("items",))
    if len(command.items) > ITEMS_MAX:
        raise LimitExceeded("items", ITEMS_MAX, len(command.items), field=("items",))


def _checks_of(command: RequestReturn) -> Iterator[Callable[[], object]]:
    """Checks of the texts and quantities of a request."""
    yield partial(check_stored, command.carrier, "carrier")
    yield partial(check_stored, command.tracking_number, "trackingNumber")
    yield partial(check_note, command.customer_note, "customerNote")
    for position, item in enumerate(command.items):
        path = ("items", str(position))
        yield partial(check_quantity_at, item.quantity, *path)
        yield partial(parse_all, item.evidence, *path, "evidence")


def check_quantity_at(quantity: int, *field: str) -> None:
    """Raise Invalid, with the path of the quantity's input, unless it is a possible quantity."""
    try:
        check_quantity(quantity)
    except Invalid as error:
        raise error.under(*field) from None


async def _reasons(
    tx: Transaction, items: Sequence[RequestedItem], problems: Problems
) -> dict[str, ReasonFacts]:
    found: dict[str, ReasonFacts] = {}
    for position, item in enumerate(items):
        if item.reason_code not in found:
            with problems.under("items", str(position)):
                found[item.reason_code] = await active_reason(tx, item.reason_code, "RETURN")
    return found


async def _lock_order(tx: Transaction, command: RequestReturn, caller: Caller) -> LockedOrder:
    """Lock the order that a request names, by its id or by the channel's own reference."""
    by_reference = (command.channel, command.order_external_reference)
    order_id = command.order_id
    if order_id is not None:
        if by_reference != (None, None):
            raise Invalid(
                "Send either orderId, or channel and orderExternalReference, not both.", field=()
            )
        missing = NotFound("order", str(order_id), field=("orderId",))
    else:
        channel, reference = by_reference
        if channel is None or reference is None:
            raise Invalid(
                "The order is required: send orderId, or channel and orderExternalReference.",
                field=(),
            )
        missing = NotFound("order", reference, field=("orderExternalReference",))
        order_id = await evaluation_queries.order_named(tx.session, channel, reference)
    if order_id is None or not await sees_order(tx.session, caller, order_id):
        raise missing
    return await locked_orders.lock(tx, order_id, missing.field)


async def _after_shipment(
    tx: Transaction, order: LockedOrder, command: RequestReturn, requested_at: datetime
) -> datetime:
    shipped_at = await fulfillment_queries.first_shipped_at(tx.session, order.id)
    assert shipped_at is not None  # else there are no units to return
    cause = (shipped_at, "The order's first parcel was shipped")
    return check_cause(command.requested_at, requested_at, *cause, field="requestedAt")


async def _match(
    tx: Transaction,
    order: LockedOrder,
    command: RequestReturn,
    reasons: Mapping[str, ReasonFacts],
) -> tuple[list[ReturnUnits], list[RequestedLine]]:
    """The requested units as groups of order lines; one item may use several lines."""
    lines = await return_evaluation.returnable_lines(tx.session, order)
    asked = [LineRequest(item.quantity, item.order_line_id, item.sku) for item in command.items]
    groups: list[ReturnUnits] = []
    wanted: list[RequestedLine] = []
    for match in match_lines(asked, lines):
        item = command.items[match.position]
        line = order.line(match.order_line_id)
        assert line is not None
        field = ("items", str(match.position), "evidence")
        reason = reasons[item.reason_code]
        group = ReturnUnits(
            id=tx.new_id(),
            position=len(groups),
            item_id=line.item_id,
            sku=line.sku,
            category=None,
            quantity=match.quantity,
            state=ReturnItemState.EXPECTED,
            order_line_id=line.id,
            reason_id=reason.id,
            reason=reason.code,
            evidence=parse_all(item.evidence, *field),
        )
        groups.append(group)
        wanted.append(RequestedLine(line, match.quantity, reason.code))
    return groups, wanted


def add(
    tx: Transaction,
    order: LockedOrder,
    evaluation: Evaluation,
    *,
    requested_by: str,
    requested_at: datetime,
    carrier: str | None = None,
    tracking_number: str | None = None,
    customer_note: str | None = None,
) -> ReturnRow:
    """Add a new return with its evaluation. Returns its row."""
    verdict, risk = evaluation.verdict, evaluation.risk
    return_id = tx.new_id()
    decision = orjson.dumps(decided(verdict.policy, verdict.outcome, verdict.reasons)).decode()
    terms = [{"name": t.name, "points": t.points, "reason": t.reason} for t in risk.terms]
    row: ReturnRow = {
        "id": return_id,
        "rma_number": rma_number_of(return_id),
        "order_id": order.id,
        "status": str(verdict.outcome),
        "requested_at": requested_at,
        "requested_by": requested_by,
        "created_at": tx.now,
        "authorized_at": None,
        "authorized_by": None,
        "expected_by_at": None,
        "closed_at": None,
        "carrier": carrier,
        "tracking_number": tracking_number,
        "scanned_at": None,
        "destination_id": evaluation.destination_id,
        "customer_note": customer_note,
        "decline_reason_id": None,
        "verdict": decision,
        "decision": decision,
        "risk_points": sum(term.points for term in risk.terms),
        "risk": orjson.dumps(terms).decode(),
        "version": 1,
        "updated_at": tx.now,
    }
    if verdict.outcome is ReturnStatus.AUTHORIZED:
        locked_returns.authorize(row, POLICY, tx.now)
    tx.add(Return, row)
    if evaluation.switch is not None:
        cases.open_case(
            tx,
            evaluation.switch,
            ("Return", return_id),
            channel_id=order.channel_id,
            location_id=evaluation.destination_id,
            shadow=evaluation.shadow,
        )
    return row


def record_opened(
    tx: Transaction,
    order: LockedOrder,
    channel: ChannelFacts,
    row: ReturnRow,
    groups: Sequence[ReturnUnits],
    actor: str,
) -> LockedReturn:
    """Add the units of a new return; record `return.requested` and the policy's decision."""
    for group in groups:
        tx.add(ReturnItem, group.to_row(row["id"]))
    opened = LockedReturn(order, channel, row, list(groups))
    requested = ReturnRequested(**return_records.step(opened, groups))
    return_records.record(tx, requested, opened, actor)
    decided = return_records.step(opened, groups, ReturnStatus.REQUESTED)
    if opened.status is ReturnStatus.AUTHORIZED:
        return_records.record(tx, ReturnAuthorized(**decided), opened, POLICY)
    elif opened.status is ReturnStatus.DECLINED:
        return_records.record(tx, ReturnDeclined(**decided, reason=None), opened, POLICY)
    return_records.audit(tx, actor, "returnRequest", opened, before=None)
    return opened
