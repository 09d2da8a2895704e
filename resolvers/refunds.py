"""Refunds: lookup, creation, approval, cancellation, manual settlement, subscription."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.refunds as refund_reads
import workflows.refunds.manual_settlement
import workflows.refunds.refunds
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given
from schema.fields.enums import RefundStatus
from schema.fields.node import load, required_uuid, uuid_in
from schema.fields.paging import CountedConnection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.refunds import RefundCreateInput, RefundPayload
from schema.streams import object_changes
from schema.types.events import RefundEvent
from schema.types.refunds import Refund
from workflows.refunds.manual_settlement import RetryRefund, SettleRefund
from workflows.refunds.refunds import ApproveRefund, CancelRefund, RejectRefund


async def refund(info: Info, id: ID) -> Refund | None:
    """One refund; null where there is none that the caller may see."""
    found: Refund | None = await load(info.context, "Refund", uuid_in("Refund", id))
    return found


async def refunds(
    info: Info,
    status: RefundStatus | None = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Refund]:
    """Refunds, newest first; in one status, or with null in all."""
    page = await refund_reads.refunds(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
    )
    return CountedConnection(page, Refund.from_row, info.context)


async def refund_create(info: Info, input: RefundCreateInput) -> RefundPayload | None:
    """Open a goodwill refund, which always needs an approval.

    An amount that needs several payments opens several refunds. Refused: REFUND_EXCEEDS_BALANCE,
    INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.refunds.refunds.create, input.to_command, RefundPayload
    )


async def refund_approve(info: Info, id: ID, note: str | None = UNSET) -> RefundPayload | None:
    """Agree to a refund that NEEDS_APPROVAL; with the last approval it is going to be paid.

    Refused: SELF_APPROVAL for an actor who requested, authorized, inspected or approved, under
    whichever key; GRANT_EXCEEDED, ILLEGAL_TRANSITION, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.approve,
        lambda: ApproveRefund(required_uuid("Refund", id, "id"), given(note)),
        RefundPayload,
    )


async def refund_reject(
    info: Info, id: ID, note: Annotated[str, argument(description="Why, in words.")]
) -> RefundPayload | None:
    """Turn down a refund that NEEDS_APPROVAL, for good.

    Refused: SELF_APPROVAL for an actor who approved it before, ILLEGAL_TRANSITION, INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.reject,
        lambda: RejectRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
    )


async def refund_cancel(
    info: Info, id: ID, note: Annotated[str, argument(description="Why, in words.")]
) -> RefundPayload | None:
    """Call a refund off before it is paid, or after it FAILED.

    Refused: ILLEGAL_TRANSITION, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.refunds.cancel,
        lambda: CancelRefund(required_uuid("Refund", id, "id"), note),
        RefundPayload,
    )


async def refund_retry(info: Info, id: ID) -> RefundPayload | None:
    """Have a FAILED refund paid again, by a new attempt with a new key.

    Refused: ILLEGAL_TRANSITION, NOT_FOUND.
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
        bool, argument(description="True: the money went back. False: it definitely did not.")
    ],
    note: Annotated[str, argument(description="How this was found out.")],
    gateway_reference: Annotated[
        str | None, argument(description="The gateway's own number, where known.")
    ] = UNSET,
) -> RefundPayload | None:
    """Write down what came of an UNKNOWN refund, as a person found out.

    Refused: SELF_APPROVAL for the actor who requested it, ILLEGAL_TRANSITION, INVALID (also where
    it is being sent just now), NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.refunds.manual_settlement.settle,
        lambda: SettleRefund(
            required_uuid("Refund", id, "id"), succeeded, note, given(gateway_reference)
        ),
        RefundPayload,
    )


async def refund_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[RefundEvent, None]:
    """A refund as it is now, whenever it changes."""
    async with aclosing(object_changes(info.context, "Refund", id, given(after))) as changes:
        async for cursor, refund in changes:
            yield RefundEvent(cursor=cursor, refund=refund, replaces=id)
