"""Returns: asked for, decided, received, inspected and disposed of."""

from strawberry import ID, UNSET

import models.queries.reads.returns as reads
import workflows.dispositions
import workflows.inspections
import workflows.receipts
import workflows.return_authorizations
import workflows.return_tracking
import workflows.returns
from domain.errors import BadRequest
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.returns import (
    DispositionInput,
    ReturnInspectInput,
    ReturnPayload,
    ReturnReceiveInput,
    ReturnRequestInput,
)
from schema.types.enums import ReturnStatus
from schema.types.node import load, required_uuid, uuid_in
from schema.types.paging import CountedConnection, selection_of, window
from schema.types.returns import Return
from workflows.return_authorizations import AuthorizeReturn, CancelReturn, DeclineReturn
from workflows.return_tracking import SetTracking

TYPES = {"return_": "Return", "exception": "OperationalException"}


async def return_(
    info: Info, id: ID | None = UNSET, rma_number: str | None = UNSET
) -> Return | None:
    """One return, by id or by its RMA number."""
    by_id, by_number = given(id), given(rma_number)
    if (by_id is None) == (by_number is None):
        raise BadRequest("Look it up by id or by rmaNumber.")
    if by_id is not None:
        found: Return | None = await load(info.context, "Return", uuid_in("Return", by_id))
        return found
    row = await reads.return_by_number(*await info.context.opened(), by_number or "")
    return None if row is None else Return.from_row(row, info.context)


async def returns(
    info: Info,
    status: ReturnStatus | None = UNSET,
    location: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[Return]:
    """Returns in a status, that go to a location or came to it."""
    page = await reads.returns(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        location=given(location),
    )
    return CountedConnection(page, Return.from_row, info.context)


async def return_request(info: Info, input: ReturnRequestInput) -> ReturnPayload | None:
    """Ask to send units of an order back: the policy authorizes, declines or asks a person."""
    return await change(info, workflows.returns.request, input.to_command, ReturnPayload, **TYPES)


async def return_authorize(info: Info, id: ID, note: str | None = UNSET) -> ReturnPayload | None:
    """Take the units back; against the policy with a note, by those who may."""
    return await change(
        info,
        workflows.return_authorizations.authorize,
        lambda: AuthorizeReturn(required_uuid("Return", id, "id"), given(note)),
        ReturnPayload,
        **TYPES,
    )


async def return_decline(
    info: Info, id: ID, reason_code: str, note: str | None = UNSET
) -> ReturnPayload | None:
    """Do not take the units back."""
    return await change(
        info,
        workflows.return_authorizations.decline,
        lambda: DeclineReturn(required_uuid("Return", id, "id"), reason_code, given(note)),
        ReturnPayload,
        **TYPES,
    )


async def return_cancel(info: Info, id: ID) -> ReturnPayload | None:
    """Call a return off before anything came."""
    return await change(
        info,
        workflows.return_authorizations.cancel,
        lambda: CancelReturn(required_uuid("Return", id, "id")),
        ReturnPayload,
        **TYPES,
    )


async def return_tracking_set(
    info: Info, id: ID, carrier: str, tracking_number: str
) -> ReturnPayload | None:
    """Note the number of the parcel in which the units come back."""
    return await change(
        info,
        workflows.return_tracking.set_tracking,
        lambda: SetTracking(required_uuid("Return", id, "id"), carrier, tracking_number),
        ReturnPayload,
        **TYPES,
    )


async def return_receive(info: Info, input: ReturnReceiveInput) -> ReturnPayload | None:
    """Receive a parcel of a return into quality control."""
    return await change(info, workflows.receipts.receive, input.to_command, ReturnPayload, **TYPES)


async def return_inspect(info: Info, input: ReturnInspectInput) -> ReturnPayload | None:
    """Grade received units; what the policy says of the grade is executed at once."""
    return await change(
        info, workflows.inspections.inspect, input.to_command, ReturnPayload, **TYPES
    )


async def return_item_dispose(info: Info, input: DispositionInput) -> ReturnPayload | None:
    """Execute a disposition of inspected units."""
    return await change(
        info, workflows.dispositions.dispose, input.to_command, ReturnPayload, **TYPES
    )
