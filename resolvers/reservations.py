"""Reservations (holds): look-up, list, creation, extension and release."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.reservations as reservation_reads
import workflows.reservations.reservations
from domain.errors import BadRequest
from resolvers.availability import check_channel
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import ReservationStatus
from schema.fields.lookups import ByReference, chosen
from schema.fields.node import load
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.reservations import (
    ReservationCreateInput,
    ReservationPayload,
    extend,
    release,
)
from schema.types.reservations import Reservation


async def reservation(
    info: Info,
    id: ID | None = UNSET,
    channel: Annotated[str | None, argument(description="Code of the channel.")] = UNSET,
    external_reference: Annotated[
        str | None, argument(description="Reference of the hold in the shop.")
    ] = UNSET,
) -> Reservation | None:
    """One hold, by `id` or by `channel` and `externalReference`; null if there is none.

    By reference the live hold is returned, or else the newest. Both or neither are BAD_REQUEST.
    Without an API key only `id` is allowed.
    """
    named = chosen("Reservation", id, channel, external_reference)
    if not isinstance(named, ByReference):
        found: Reservation | None = await load(info.context, "Reservation", named)
        return found
    if info.context.caller.is_anonymous:
        raise BadRequest("Without an API key, reservation accepts only id.")
    row = await reservation_reads.reservation_by_reference(
        *await info.context.opened(), named.channel, named.reference
    )
    return None if row is None else Reservation.from_row(row, info.context)


async def reservations(
    info: Info,
    status: ReservationStatus | None = UNSET,
    channel: Annotated[
        str | None, argument(description="Only of the channel with this code.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[Reservation]:
    """Holds, newest first, with their present status. Null arguments do not filter."""
    page = await reservation_reads.reservations(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        channel=given(channel),
        now=info.context.now,
    )
    return Connection(page, Reservation.from_row, info.context)


async def reservation_create(
    info: Info, input: ReservationCreateInput
) -> ReservationPayload | None:
    """Hold units for a limited time: all lines or none.

    Held units are not promised to other customers. No API key is needed on channels that are open
    to anonymous callers; stricter limits apply then. Refused: INSUFFICIENT_STOCK, LIMIT_EXCEEDED,
    ALREADY_EXISTS for the reference of a live hold (the payload has that hold), INVALID, NOT_FOUND.
    """
    check_channel(info.context, input.channel)
    return await perform_mutation(
        info, workflows.reservations.reservations.create, input.to_command, ReservationPayload
    )


async def reservation_extend(
    info: Info,
    id: ID,
    ttl_seconds: Annotated[
        int,
        argument(
            description="Lifetime in seconds from now: at most 86,400, without an API key 3,600."
        ),
    ],
) -> ReservationPayload | None:
    """Extend a live hold until `ttlSeconds` from now. An extension never shortens a hold.

    A hold lives at most four times its first `ttlSeconds`. Refused: RESERVATION_EXPIRED,
    ILLEGAL_TRANSITION, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.reservations.reservations.extend,
        lambda: extend(id, ttl_seconds),
        ReservationPayload,
    )


async def reservation_release(info: Info, id: ID) -> ReservationPayload | None:
    """Release a live hold. Its units become available.

    Refused: RESERVATION_EXPIRED, ILLEGAL_TRANSITION, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.reservations.reservations.release, lambda: release(id), ReservationPayload
    )
