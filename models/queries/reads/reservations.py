"""Reads of holds: expired from `expires_at` on, whatever their stored status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.values.codes import comparison_key
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope
from models.reservations import Reservation, ReservationRow

_CREATED = SortKey("r.created_at", "created_at", "instant")
_RESERVATION = shown_columns(Reservation, "r")
_ID = SortKey("r.id", "id", "uuid")
# Live and ended holds have an index each, in the order of the list; that of ended ones begins with
# the status. Both conditions are there, so that the partial index is used.
_ENDED = "r.status = '{}' AND r.status <> 'HELD'"
_ENDS = ("COMMITTED", "RELEASED", "EXPIRED")


def _visible(scope: Scope) -> Listing[ReservationRow]:
    """Holds that the caller may see; without a key, only those that were made without one."""
    table = visibility.RESERVATION.table
    listing = Listing(ReservationRow, _RESERVATION, table, _CREATED, _ID)
    if scope.is_anonymous:
        listing.where("r.address IS NOT NULL")
    return visibility.RESERVATION.within(listing, scope)


async def reservations(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    status: str | None,
    channel: str | None,
    now: datetime,
) -> Page[ReservationRow]:
    """Holds by channel and by status at `now`, newest first."""
    listing = _visible(scope)
    listing.coded("r.channel_id", "channel", channel)
    if status == "HELD":
        listing.where("r.status = 'HELD' AND r.expires_at > {}", now)
    elif status == "EXPIRED":
        # Each part is a range of its own index: ended holds, and live ones by their end.
        listing.either(
            (_ENDED.format("EXPIRED"), ()),
            ("r.status = 'HELD' AND r.expires_at <= {}", (now,)),
        )
    elif status is not None:
        listing.where(_ENDED.format(status))
    elif channel is None:
        parts = (("r.status = 'HELD'", ()), *((_ENDED.format(each), ()) for each in _ENDS))
        if scope.is_whole:
            listing.either(*parts)
        else:
            listing.merged(*parts)
    return await listing.page(session, window)


async def reservations_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ReservationRow]:
    """Holds by id, if the caller may see them."""
    listing = _visible(scope).where("r.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def reservation_by_reference(
    session: Session, scope: Scope, channel: str, reference: str
) -> ReservationRow | None:
    """The hold of a channel with this external reference: the live one, else the newest."""
    listing = _visible(scope).coded("r.channel_id", "channel", channel)
    listing.equal("r.external_reference_key", comparison_key(reference))
    rows = await listing.all(session, 250)
    held = [row for row in rows if row["status"] == "HELD"]
    return next(iter([*held, *rows]), None)


class ReservationLineRow(TypedDict):
    """A line of a reservation with its item's SKU."""

    reservation_id: UUID
    item_id: int
    quantity: int
    location_id: int
    sku: str


async def lines_by_reservation(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, list[ReservationLineRow]]:
    """The lines of each of these holds at locations that the caller may see."""
    rows = await session.rows(
        ReservationLineRow,
        "SELECT l.reservation_id, l.item_id, l.quantity, l.location_id,"
        " (SELECT i.sku FROM item i WHERE i.id = l.item_id) AS sku FROM reservation_line l"
        " WHERE l.reservation_id = ANY($1::uuid[]) ORDER BY l.reservation_id, l.line_no",
        list(ids),
    )
    return grouped(
        [row for row in rows if scope.sees_location(row["location_id"])], "reservation_id"
    )
