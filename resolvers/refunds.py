"""Refunds: opened by people, agreed to, turned down, called off, and put right."""

from strawberry import ID, UNSET

import models.queries.reads.refunds as reads
import workflows.refunds
import workflows.settlements
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.refunds import RefundCreateInput, RefundPayload
from schema.types.enums import RefundStatus
from schema.types.node import load, required_uuid, uuid_in
from schema.types.paging import CountedConnection, selection_of, window
from schema.types.refunds import Refund
from workflows.refunds import ApproveRefund, CancelRefund, RejectRefund
from workflows.settlements import RetryRefund, SettleRefund

TYPES = {"refund": "Refund", "refunds": "[Refund]"}


async def refund(info: Info, id: ID) -> Refund | None:
    """One refund."""
    found: Refund | None = await load(info.context, "Refund", uuid_in("Refund", id))
    return found


async def refunds(
    info: Info,
    status: RefundStatus | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[Refund]:
    """Refunds in a status."""
    page = await reads.refunds(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
    )
    return CountedConnection(page, Refund.from_row, info.context)


async def refund_create(info: Info, input: RefundCreateInput) -> RefundPayload | None:
    """Open a goodwill refund, which always needs an approval."""
    return await change(info, workflows.refunds.create, input.to_command, RefundPayload, **TYPES)


async def refund_approve(info: Info, id: ID, note: str | None = UNSET) -> RefundPayload | None:
    """Agree to a refund, as an actor that had no part in it."""
    return await change(
        info,
        workflows.refunds.approve,
        lambda: ApproveRefund(required_uuid("Refund", id, "id"), given(note)),
        RefundPayload,
        **TYPES,
    )


async def refund_reject(info: Info, id: ID, note: str) -> RefundPayload | None:
    """Turn a refund down for good."""
    return await change(
        info,
        workflows.refunds.reject,
        lambda: RejectRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
        **TYPES,
    )


async def refund_cancel(info: Info, id: ID, note: str) -> RefundPayload | None:
    """Call a refund off before it is paid."""
    return await change(
        info,
        workflows.refunds.cancel,
        lambda: CancelRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
        **TYPES,
    )


async def refund_retry(info: Info, id: ID) -> RefundPayload | None:
    """Have a refund that failed paid again, with a new key."""
    return await change(
        info,
        workflows.settlements.retry,
        lambda: RetryRefund(required_uuid("Refund", id, "id")),
        RefundPayload,
        **TYPES,
    )


async def refund_settle(
    info: Info, id: ID, succeeded: bool, note: str, gateway_reference: str | None = UNSET
) -> RefundPayload | None:
    """Write down what became of a refund that the gateway does not tell about."""
    return await change(
        info,
        workflows.settlements.settle,
        lambda: SettleRefund(
            required_uuid("Refund", id, "id"), succeeded, note, given(gateway_reference)
        ),
        RefundPayload,
        **TYPES,
    )
