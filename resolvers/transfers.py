"""Transfers of stock between two locations: lists, and their steps."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.stock as stock_reads
import schema.mutations.transfers as commands
import workflows.transfers.receipts
import workflows.transfers.requests
import workflows.transfers.shipments
import workflows.transfers.write_offs
from domain.errors import BadRequest
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import TransferStatus
from schema.fields.node import load, uuid_in
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.transfers import (
    TransferCreateInput,
    TransferPayload,
    TransferReceiveInput,
    TransferShipInput,
    TransferUnitsInput,
)
from schema.types.stock import Transfer

_Id = Annotated[ID, argument(description="Id of the transfer.")]


async def transfer(
    info: Info,
    id: Annotated[ID | None, argument(description="Id of the transfer.")] = UNSET,
    number: Annotated[
        str | None, argument(description="Number of the transfer, as it was typed.")
    ] = UNSET,
) -> Transfer | None:
    """One transfer, by `id` or `number`; null if there is none.

    Both or neither are BAD_REQUEST.
    """
    by_id, by_number = given(id), given(number)
    if (by_id is None) == (by_number is None):
        raise BadRequest("Send one of id and number.")
    if by_id is not None:
        found: Transfer | None = await load(info.context, "Transfer", uuid_in("Transfer", by_id))
        return found
    row = await stock_reads.transfer_by_number(*await info.context.opened(), by_number or "")
    return None if row is None else Transfer.from_row(row, info.context)


async def transfers(
    info: Info,
    status: TransferStatus | None = UNSET,
    location: Annotated[
        str | None,
        argument(description="Only from or to the location with this code."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[Transfer]:
    """Transfers, newest first. Null arguments do not filter."""
    page = await stock_reads.transfers(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        location=given(location),
    )
    return Connection(page, Transfer.from_row, info.context)


async def transfer_create(info: Info, input: TransferCreateInput) -> TransferPayload | None:
    """Ask a location to send units to another. They are allocated at once.

    Refused: INSUFFICIENT_STOCK, ALREADY_EXISTS for a reference that the origin has used (the
    payload has that transfer), INVALID, NOT_FOUND, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.transfers.requests.create, input.to_command, TransferPayload
    )


async def transfer_cancel(info: Info, id: _Id) -> TransferPayload | None:
    """Cancel a REQUESTED transfer. Its units are available at the origin again.

    Refused: ILLEGAL_TRANSITION, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.transfers.requests.cancel, lambda: commands.cancel(id), TransferPayload
    )


async def transfer_ship(info: Info, input: TransferShipInput) -> TransferPayload | None:
    """Send a REQUESTED transfer on its way. The destination has its units as `incoming`.

    Missing units go to quarantine until they are counted. If none was found, it is CANCELLED. With
    a bought label it ships under the carrier and number of the label; others are INVALID. Refused:
    ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.transfers.shipments.ship, input.to_command, TransferPayload
    )


async def transfer_receive(info: Info, input: TransferReceiveInput) -> TransferPayload | None:
    """Receive units of a transfer, in one or several calls. With the last one it is CLOSED.

    Units beyond those in transit are `extra`: they go to quarantine, and both locations are to be
    counted. Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.transfers.receipts.receive, input.to_command, TransferPayload
    )


async def transfer_write_off(
    info: Info,
    id: _Id,
    lines: Annotated[list[TransferUnitsInput], argument(description="Units that will not arrive.")],
    reason_code: Annotated[str, argument(description="Code of a reason of the kind WRITE_OFF.")],
    note: Annotated[str, argument(description="Explanation; at most 2,000 characters.")],
) -> TransferPayload | None:
    """Write off units in transit; with the last one the transfer is CLOSED.

    Refused: APPROVAL_REQUIRED above the value of the ADJUSTMENT policy, ILLEGAL_TRANSITION,
    INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.transfers.write_offs.write_off,
        lambda: commands.write_off(id, lines, reason_code, note),
        TransferPayload,
    )
