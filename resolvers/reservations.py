"""Reservations: units held for a while."""

from strawberry import ID, UNSET

import models.queries.reads.reservations as reads
import workflows.reservations
from domain.errors import BadRequest
from resolvers.availability import check_channel
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.reservations import (
    ReservationCreateInput,
    ReservationPayload,
    extend,
    release,
)
from schema.types.enums import ReservationStatus
from schema.types.lookups import ByReference, chosen
from schema.types.node import load
from schema.types.paging import Connection, selection_of, window
from schema.types.reservations import Reservation


async def reservation(
    info: Info,
    id: ID | None = UNSET,
    channel: str | None = UNSET,
    external_reference: str | None = UNSET,
) -> Reservation | None:
    """One hold; without a key by id only."""
    named = chosen("Reservation", id, channel, external_reference)
    if not isinstance(named, ByReference):
        found: Reservation | None = await load(info.context, "Reservation", named)
        return found
    if info.context.caller.is_anonymous:
        raise BadRequest("Without an API key a reservation is found by its id only.")
    row = await reads.reservation_by_reference(
        *await info.context.opened(), named.channel, named.reference
    )
    return None if row is None else Reservation.from_row(row, info.context)


async def reservations(
    info: Info,
    status: ReservationStatus | None = UNSET,
    channel: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> Connection[Reservation]:
    """Holds, in the status that they have now."""
    page = await reads.reservations(
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
    """Hold units: all lines or none."""
    check_channel(info.context, input.channel)
    return await change(
        info,
        workflows.reservations.create,
        input.to_command,
        ReservationPayload,
        reservation="Reservation",
    )


async def reservation_extend(info: Info, id: ID, ttl_seconds: int) -> ReservationPayload | None:
    """Let a live hold live so long from now."""
    return await change(
        info,
        workflows.reservations.extend,
        lambda: extend(id, ttl_seconds),
        ReservationPayload,
        reservation="Reservation",
    )


async def reservation_release(info: Info, id: ID) -> ReservationPayload | None:
    """Give a hold's units back."""
    return await change(
        info,
        workflows.reservations.release,
        lambda: release(id),
        ReservationPayload,
        reservation="Reservation",
    )
