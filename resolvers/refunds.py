"""Refunds: look-up, list, creation, approval, cancellation, manual settlement, subscription."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.refund_lists as refund_lists
import workflows.refunds.decidable
import workflows.refunds.manual_settlement
import workflows.refunds.refunds
from models.queries.reads.refund_lists import RefundFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given, several
from schema.fields.enums import RefundSort, RefundStatus
from schema.fields.node import load, required_uuid, uuid_in
from schema.fields.paging import CountedConnection, selection_of, window
from schema.fields.time_ranges import TimeRange, ranged
from schema.mutations.perform import perform_mutation
from schema.mutations.refunds import RefundCreateInput, RefundPayload
from schema.streams import object_changes
from schema.types.events import RefundEvent
from schema.types.refunds import Refund
from workflows.refunds.manual_settlement import RetryRefund, SettleRefund
from workflows.refunds.refunds import ApproveRefund, CancelRefund, RejectRefund


async def refund(info: Info, id: ID) -> Refund | None:
    """One refund; null if there is none that the caller may see."""
    found: Refund | None = await load(info.context, "Refund", uuid_in("Refund", id))
    return found


async def refunds(
    info: Info,
    status: RefundStatus | None = UNSET,
    statuses: Annotated[
        list[RefundStatus] | None, argument(description="Several, instead of `status`.")
    ] = UNSET,
    channel: Annotated[
        str | None, argument(description="Only of orders of the channel with this code.")
    ] = UNSET,
    created: Annotated[
        TimeRange | None, argument(description="Only with `createdAt` in this range.")
    ] = UNSET,
    decidable_by_me: Annotated[
        bool | None,
        argument(
            description="True: only those that wait for an approval which the caller may give: "
            "within its limit, and without a part in them. False: only others."
        ),
    ] = UNSET,
    sort: Annotated[
        RefundSort | None, argument(description="Order of the list.")
    ] = RefundSort.NEWEST,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Refund]:
    """Refunds, newest first unless `sort` states another order. Null arguments do not filter."""
    session, scope = await info.context.opened()
    wanted, decidable = given(decidable_by_me), None
    if wanted is not None:
        decidable = await workflows.refunds.decidable.decidable_by(session, info.context.caller)
    filters = RefundFilters(
        statuses=several(status, statuses),
        channel=given(channel),
        created=ranged(created, "created"),
        among=decidable if wanted else None,
        without=None if wanted else decidable,
    )
    page = await refund_lists.refunds(
        session,
        scope,
        window(first, after, last, before, selection_of(info)),
        filters,
        sort or RefundSort.NEWEST,
    )
    return CountedConnection(page, Refund.from_row, info.context)


async def refund_create(info: Info, input: RefundCreateInput) -> RefundPayload | None:
    """Create a refund of an amount, of units that do not come back, or of shipping. It always needs
    an approval, unless it takes no value off the order.

    If the amount must be taken from several payments, one refund is created for each. Refused:
    REFUND_EXCEEDS_BALANCE, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.refunds.refunds.create, input.to_command, RefundPayload
    )


async def refund_approve(
    info: Info,
    id: ID,
    note: Annotated[
        str | None, argument(description="Free text; at most 2,000 characters.")
    ] = UNSET,
) -> RefundPayload | None:
    """Approve a refund that NEEDS_APPROVAL. The last required approval starts its payout.

    Refused: SELF_APPROVAL for an actor that requested, authorized, inspected or approved in this
    case, with any of its keys; GRANT_EXCEEDED if the refund, with those on the order that the
    actor has approved before, is above the limit of the key; ILLEGAL_TRANSITION, INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.approve,
        lambda: ApproveRefund(required_uuid("Refund", id, "id"), given(note)),
        RefundPayload,
    )


async def refund_reject(
    info: Info,
    id: ID,
    note: Annotated[str, argument(description="Reason; at most 2,000 characters.")],
) -> RefundPayload | None:
    """Reject a refund that NEEDS_APPROVAL. This is final.

    Refused: SELF_APPROVAL for an actor that approved it before, ILLEGAL_TRANSITION, INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.reject,
        lambda: RejectRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
    )


async def refund_cancel(
    info: Info,
    id: ID,
    note: Annotated[str, argument(description="Reason; at most 2,000 characters.")],
) -> RefundPayload | None:
    """Cancel a refund that was not paid yet, or that FAILED.

    Refused: ILLEGAL_TRANSITION, also while an attempt is contradicted and not settled; INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.cancel,
        lambda: CancelRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
    )


async def refund_retry(info: Info, id: ID) -> RefundPayload | None:
    """Retry a FAILED refund with a new payout attempt, which has a new idempotency key.

    Refused: ILLEGAL_TRANSITION, also while an attempt is contradicted and not settled; NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.manual_settlement.retry,
        lambda: RetryRefund(required_uuid("Refund", id, "id")),
        RefundPayload,
    )


async def refund_settle(
    info: Info,
    id: ID,
    succeeded: Annotated[
        bool, argument(description="True: the money was paid. False: it was definitely not paid.")
    ],
    note: Annotated[str, argument(description="Source; at most 2,000 characters.")],
    gateway_reference: Annotated[
        str | None, argument(description="Reference of the payment gateway, if known.")
    ] = UNSET,
    attempt: Annotated[
        int | None,
        argument(description="Number of the attempt; required if several wait for settlement."),
    ] = UNSET,
) -> RefundPayload | None:
    """Settle by hand an attempt that is UNKNOWN, or about which the gateway contradicted itself.

    A FAILED attempt that was paid makes the refund SUCCEEDED; a SUCCEEDED one that was not paid
    makes it REVERSED. Money that the refund does not account for, because it is CANCELLED,
    REVERSED or paid by another attempt, is owed by the customer and opens REFUND_RECOVERY.

    Refused: SELF_APPROVAL for the actor that requested the refund, ILLEGAL_TRANSITION, INVALID
    (also while an attempt is being sent), NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.manual_settlement.settle,
        lambda: SettleRefund(
            required_uuid("Refund", id, "id"),
            succeeded,
            note,
            given(gateway_reference),
            given(attempt),
        ),
        RefundPayload,
    )


async def refund_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[RefundEvent, None]:
    """The present state of a refund, sent after each change."""
    async with aclosing(object_changes(info.context, "Refund", id, given(after))) as changes:
        async for cursor, refund in changes:
            yield RefundEvent(cursor=cursor, refund=refund, replaces=id)
