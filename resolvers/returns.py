"""Returns: look-up, list, request, authorization, receipt, inspection, disposition, stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.return_lists as return_lists
import models.queries.reads.returns as return_reads
import workflows.returns.authorizations
import workflows.returns.dispositions
import workflows.returns.inspections
import workflows.returns.parcel_dispositions
import workflows.returns.receipts
import workflows.returns.requests
import workflows.returns.tracking
from domain.errors import BadRequest
from models.queries.reads.return_lists import ReturnFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given, several
from schema.fields.enums import Disposition, ReturnSort, ReturnStatus
from schema.fields.node import load, required_uuid, uuid_in
from schema.fields.paging import CountedConnection, selection_of, window
from schema.fields.time_ranges import TimeRange, ranged
from schema.mutations.exceptions import ExceptionPayload
from schema.mutations.perform import perform_mutation
from schema.mutations.returns import (
    DispositionInput,
    ReturnInspectInput,
    ReturnPayload,
    ReturnReceiveInput,
    ReturnRequestInput,
)
from schema.streams import object_changes
from schema.types.events import ReturnEvent
from schema.types.returns import Return
from workflows.returns.authorizations import AuthorizeReturn, CancelReturn, DeclineReturn
from workflows.returns.parcel_dispositions import DisposeUnidentified
from workflows.returns.tracking import SetTracking


async def return_(
    info: Info,
    id: ID | None = UNSET,
    rma_number: Annotated[
        str | None, argument(description="RMA number, as printed on the parcel.")
    ] = UNSET,
    tracking_number: Annotated[
        str | None,
        argument(description="Tracking number of the parcel that brings the units back."),
    ] = UNSET,
) -> Return | None:
    """One return, by `id`, `rmaNumber` or `trackingNumber`; null if there is none.

    Tracking numbers are used again: the newest return with the number is found. More than one of
    the arguments, or none, is BAD_REQUEST.
    """
    by_id, by_number, by_parcel = given(id), given(rma_number), given(tracking_number)
    if [by_id, by_number, by_parcel].count(None) != 2:
        raise BadRequest("Send one of id, rmaNumber and trackingNumber.")
    if by_id is not None:
        found: Return | None = await load(info.context, "Return", uuid_in("Return", by_id))
        return found
    session, scope = await info.context.opened()
    if by_parcel is not None:
        row = await return_reads.return_by_tracking_number(session, scope, by_parcel)
    else:
        row = await return_reads.return_by_number(session, scope, by_number or "")
    return None if row is None else Return.from_row(row, info.context)


async def returns(
    info: Info,
    status: ReturnStatus | None = UNSET,
    statuses: Annotated[
        list[ReturnStatus] | None, argument(description="Several, instead of `status`.")
    ] = UNSET,
    location: Annotated[
        str | None,
        argument(
            description="Only returns that are sent to the location with this code, or were "
            "received there."
        ),
    ] = UNSET,
    channel: Annotated[
        str | None, argument(description="Only of orders of the channel with this code.")
    ] = UNSET,
    sku: Annotated[str | None, argument(description="Only with units of this SKU.")] = UNSET,
    reason: Annotated[
        str | None, argument(description="Only with units returned for the reason with this code.")
    ] = UNSET,
    requested: Annotated[
        TimeRange | None, argument(description="Only with `requestedAt` in this range.")
    ] = UNSET,
    sort: Annotated[
        ReturnSort | None, argument(description="Order of the list.")
    ] = ReturnSort.NEWEST,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Return]:
    """Returns, newest first unless `sort` states another order. Null arguments do not filter."""
    filters = ReturnFilters(
        statuses=several(status, statuses),
        location=given(location),
        channel=given(channel),
        sku=given(sku),
        reason=given(reason),
        requested=ranged(requested, "requested"),
    )
    page = await return_lists.returns(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        filters,
        sort or ReturnSort.NEWEST,
    )
    return CountedConnection(page, Return.from_row, info.context)


async def return_request(info: Info, input: ReturnRequestInput) -> ReturnPayload | None:
    """Request the return of units of an order.

    The RETURN policy authorizes the request, declines it, or leaves the decision to a person. A
    declined request is stored as a Return, too, with the reasons. Refused: OVER_RETURN for more
    units than were shipped and are not in another return, LIMIT_EXCEEDED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.returns.requests.request, input.to_command, ReturnPayload
    )


async def return_authorize(
    info: Info,
    id: ID,
    note: Annotated[
        str | None,
        argument(
            description="Reason, as free text of at most 2,000 characters; required if the policy "
            "objects or the return was "
            "declined."
        ),
    ] = UNSET,
) -> ReturnPayload | None:
    """Authorize a return that is REQUESTED or DECLINED.

    If the policy objects, or the return was declined, the permission `returns.override` and a note
    are required. Refused: RETURN_WINDOW_CLOSED or NOT_RETURNABLE if the policy objects,
    OVER_RETURN, ILLEGAL_TRANSITION, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.returns.authorizations.authorize,
        lambda: AuthorizeReturn(required_uuid("Return", id, "id"), given(note)),
        ReturnPayload,
    )


async def return_decline(
    info: Info,
    id: ID,
    reason_code: Annotated[str, argument(description="An active reason of kind DECLINE.")],
    note: Annotated[
        str | None, argument(description="Free text; at most 2,000 characters.")
    ] = UNSET,
) -> ReturnPayload | None:
    """Decline a REQUESTED return.

    Refused: ILLEGAL_TRANSITION, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.returns.authorizations.decline,
        lambda: DeclineReturn(required_uuid("Return", id, "id"), reason_code, given(note)),
        ReturnPayload,
    )


async def return_cancel(info: Info, id: ID) -> ReturnPayload | None:
    """Cancel a return of which no unit was received. The customer keeps the units.

    Refused: ILLEGAL_TRANSITION also if a refund of the return is APPROVED, PROCESSING, UNKNOWN or
    SUCCEEDED, because the customer would keep the money, too; NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.returns.authorizations.cancel,
        lambda: CancelReturn(required_uuid("Return", id, "id")),
        ReturnPayload,
    )


async def return_tracking_set(
    info: Info, id: ID, carrier: str, tracking_number: str
) -> ReturnPayload | None:
    """Set the tracking number of the parcel that brings the units back.

    An AUTHORIZED return becomes IN_TRANSIT. Refused: ILLEGAL_TRANSITION, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.returns.tracking.set_tracking,
        lambda: SetTracking(required_uuid("Return", id, "id"), carrier, tracking_number),
        ReturnPayload,
    )


async def return_receive(info: Info, input: ReturnReceiveInput) -> ReturnPayload | None:
    """Receive a parcel. Its units go to quality control, at the cost at which they were shipped.

    More units than were requested join the return as far as the order line can still return them
    and the RETURN policy authorizes them; a late unit reopens a CLOSED return. Wrong, extra,
    missing and unannounced units open the exception RETURN_DISCREPANCY. The units of a parcel that
    matches no return, or whose return is CANCELLED or DECLINED, go to quarantine, and an exception
    is opened. Refused: ILLEGAL_TRANSITION, ALREADY_EXISTS, TASK_NOT_CLAIMED, LIMIT_EXCEEDED,
    INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.returns.receipts.receive, input.to_command, ReturnPayload
    )


async def return_inspect(info: Info, input: ReturnInspectInput) -> ReturnPayload | None:
    """Record inspections of received units.

    Once a grade is final, the disposition of the DISPOSITION policy is executed. If the RETURN
    policy requires two inspectors, units stay RECEIVED after the first inspection. Refused:
    SELF_APPROVAL for a second inspection by the same actor, ILLEGAL_TRANSITION, POLICY_VIOLATION,
    APPROVAL_REQUIRED, TASK_NOT_CLAIMED, LIMIT_EXCEEDED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.returns.inspections.inspect, input.to_command, ReturnPayload
    )


async def return_item_dispose(info: Info, input: DispositionInput) -> ReturnPayload | None:
    """Execute a disposition of INSPECTED units.

    Units that came for a DECLINED or CANCELLED return are in quarantine. For them,
    RETURN_TO_CUSTOMER, SCRAP, LIQUIDATE and QUARANTINE are allowed, and no refund follows. Refused:
    POLICY_VIOLATION (counterfeit units are never restocked), APPROVAL_REQUIRED above the value in
    the policy, ILLEGAL_TRANSITION for more units than are left, TASK_NOT_CLAIMED, INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.returns.dispositions.dispose, input.to_command, ReturnPayload
    )


async def unidentified_units_dispose(
    info: Info,
    exception_id: Annotated[
        ID, argument(description="The exception UNIDENTIFIED_PARCEL of the parcel.")
    ],
    sku: str,
    quantity: int,
    disposition: Disposition,
    note: Annotated[str, argument(description="Reason; at most 2,000 characters.")],
) -> ExceptionPayload | None:
    """Dispose of units of a parcel that matches no return.

    The exception is resolved with the last unit. Units that the parcel of a DECLINED or CANCELLED
    return brought beyond that return are disposed of here, too. Refused: APPROVAL_REQUIRED for
    RESTOCK without `dispositions.override`, ILLEGAL_TRANSITION for QUARANTINE, where the units are,
    INSUFFICIENT_STOCK for more units than are left, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.returns.parcel_dispositions.dispose,
        lambda: DisposeUnidentified(
            required_uuid("OperationalException", exception_id, "exceptionId"),
            sku,
            quantity,
            disposition,
            note,
        ),
        ExceptionPayload,
    )


async def return_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[ReturnEvent, None]:
    """The present state of a return, sent after each change of the return, its units or its
    refunds.
    """
    async with aclosing(object_changes(info.context, "Return", id, given(after))) as changes:
        async for cursor, found in changes:
            yield ReturnEvent(cursor=cursor, return_=found, replaces=id)
