"""Reservations (holds): units set aside for a limited time.

All units that availability reports can be held. No unit is held twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.orders.reservations as reservation_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.routing as routing
import workflows.availability.routing_shadows as routing_shadows
import workflows.reservations.anonymous_limits as anonymous_limits
import workflows.reservations.expired_units as expired_units
import workflows.reservations.expiry as reservation_expiry
from domain.access.callers import Caller
from domain.errors import (
    AlreadyExists,
    DomainError,
    IllegalTransition,
    NotFound,
    ReservationAlreadyExpired,
)
from domain.events.reservations import ReservationCreated, ReservationExtended
from domain.problems import Problems
from domain.stock.reservations import (
    ReservationStatus,
    check_ttl,
    extended_until,
    status_at,
)
from domain.stock.states import StockState, check_quantity
from domain.values.codes import ByCode, check_stored, comparison_key
from domain.values.countries import check_country
from domain.values.totals import totals
from models.database.locked_reads import FromLock
from models.queries.catalog.lookups import ChannelFacts, ItemFacts
from models.reservations import NewReservationRow, Reservation, ReservationLine, ReservationRow
from workflows.access.visibility import sees_hold
from workflows.availability.demands import Demand
from workflows.reservations.commands import (
    CreateReservation,
    ExtendReservation,
    HoldLine,
    ReleaseReservation,
)
from workflows.reservations.expired_units import ExpiredUnits
from workflows.reservations.line_checks import (
    LINES_MAX,
    check_lines,
    named_location,
    open_channel,
    sold_item,
)
from workflows.transactions.actions import KeyClaim, action, one_by_one
from workflows.transactions.ids import unguessable
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(slots=True)
class _ReservationDraft:
    """A request whose names were resolved."""

    command: CreateReservation
    caller: Caller
    channel: ChannelFacts
    demands: list[Demand]


@dataclass(slots=True)
class _Inputs:
    """Data that requests are checked against, read after the lock of their stock.

    `by_reference`: live holds by (channel, key of the reference).
    """

    context: atp_context.AtpContext
    channels: ByCode[ChannelFacts]
    items: ByCode[ItemFacts]
    by_reference: dict[tuple[int, str], UUID]
    expired: ExpiredUnits


@action("reservationCreate", KeyClaim.WITH_LOCK)
async def create(tx: Transaction, requests: Sequence[Request[CreateReservation]]) -> list[Outcome]:
    """Hold units for each request, or refuse it; one lock, one read and one write for all.

    Locks the stock, then expired holds. A request is refused in memory before anything is written,
    so it does not affect the others. Refusals: Invalid, NotFound, LimitExceeded, AlreadyExists,
    InsufficientStock. Records `reservation.created`.
    """
    commands = [request.command for request in requests]
    inputs = await _read_inputs(tx, [each for each in commands if len(each.lines) <= LINES_MAX])
    drafts = [_draft(tx, request, inputs) for request in requests]
    callers = [draft.caller for draft in drafts if isinstance(draft, _ReservationDraft)]
    usage = await anonymous_limits.read_usage(tx, callers)
    outcomes = []
    for draft in drafts:
        if isinstance(draft, Outcome):
            outcomes.append(draft)
            continue
        try:
            hold = partial(_hold, tx, draft, inputs, usage)
            outcomes.append(await inputs.expired.attempt(tx, hold))
        except AlreadyExists as error:
            outcomes.append(Outcome.refused(error, refs={"reservation": error.existing}))
        except DomainError as error:
            outcomes.append(Outcome.refused(error))
    return outcomes


async def _read_inputs(tx: Transaction, commands: Sequence[CreateReservation]) -> _Inputs:
    """Lock the stock of the commands, read the other data they need, and end expired holds."""
    skus = sorted({line.sku for command in commands for line in command.lines})
    references = sorted(
        {each.external_reference for each in commands if each.external_reference is not None}
    )
    locked = FromLock("item_id")
    (
        channels,
        rules,
        backordered,
        measures,
        items,
        by_reference,
        over,
    ) = await tx.stock.lock_supply(
        expired_units.supply_lock(tx, skus, references),
        (
            *atp_context.questions(locked, tx.now),
            lookups.items_of(skus),
            reservation_queries.live_by_reference(references, tx.now),
            expired_units.oldest(tx, locked, skus, references),
        ),
    )
    expired = await expired_units.end_oldest(tx, [item.id for item in items.values()], over)
    context = await atp_context.made_of(tx.session, channels, rules, backordered, measures, tx.now)
    by_code = ByCode(channels, _code_of)
    return _Inputs(context, by_code, items, by_reference, expired)


def _code_of(channel: ChannelFacts) -> str:
    return channel.code


def _draft(
    tx: Transaction, request: Request[CreateReservation], inputs: _Inputs
) -> _ReservationDraft | Outcome:
    command, caller = request.command, request.caller
    problems = Problems()
    try:
        check_lines(len(command.lines))
        with problems.under():
            check_ttl(command.ttl_seconds, caller, tx.terms.holds)
        with problems.under("shipTo"):
            check_country(command.country_code, "countryCode")
        with problems.under():
            check_stored(command.external_reference, "externalReference")
        channel = problems.attempt(partial(open_channel, inputs.channels, caller, command.channel))
        demands = problems.each(
            partial(_demand, line, ("lines", str(index)), inputs.items, channel)
            for index, line in enumerate(command.lines)
        )
        problems.refuse()
    except DomainError as error:
        return Outcome.refused(error.under("input"))
    assert channel is not None
    return _ReservationDraft(command, caller, channel, demands)


def _demand(
    line: HoldLine, path: tuple[str, ...], items: ByCode[ItemFacts], channel: ChannelFacts | None
) -> Demand:
    """The demand of a line. Raises its faults. Without a channel, its location is not checked."""
    problems = Problems()
    with problems.under(*path):
        check_quantity(line.quantity)
    with problems.under(*path):
        item = sold_item(items, line.sku)
    place = None
    with problems.under(*path):
        place = named_location(channel, line.location_code)
    problems.refuse()
    return Demand(item, line.quantity, place, ("input", *path))


async def _hold(
    tx: Transaction,
    draft: _ReservationDraft,
    inputs: _Inputs,
    usage: anonymous_limits.AnonymousUsage,
) -> Outcome:
    command, channel = draft.command, draft.channel
    context, by_reference = inputs.context, inputs.by_reference
    reference = command.external_reference
    key = None if reference is None else (channel.id, comparison_key(reference))
    existing = None if key is None else by_reference.get(key)
    if existing is not None and reference is not None:
        field = ("input", "externalReference")
        raise AlreadyExists("reservation", reference, str(existing), field=field)
    if draft.caller.is_anonymous:
        usage.check(tx, context, channel, draft.caller, draft.demands)
    terms, switch = (command.country_code, routing.STANDARD), context.switch(channel)
    plan = await routing.plan(tx, context, channel, draft.demands, *terms, switch)
    would = await routing_shadows.decide(tx, context, channel, draft.demands, terms, switch)
    # Random, unlike other ids, which are ordered by time: a caller needs only the id of an
    # anonymous hold to act on it.
    reservation_id = unguessable()
    row = _add_hold(tx, draft, reservation_id, plan.decision)
    subject, chosen = ("Reservation", reservation_id), plan.decision["chosen"]
    actor = draft.caller.actor
    routing_shadows.store(tx, channel, subject, switch, would, chosen, actor)
    for index, (item_id, location_id, quantity) in enumerate(plan.allocation):
        line = {
            "id": tx.new_id(),
            "reservation_id": reservation_id,
            "line_no": index,
            "item_id": item_id,
            "location_id": location_id,
            "quantity": quantity,
            "held_until_at": row["expires_at"],
        }
        tx.add(ReservationLine, line)
        tx.stock.move(
            StockMove(
                item_id=item_id,
                location_id=location_id,
                from_state=StockState.AVAILABLE,
                to_state=StockState.HELD,
                quantity=quantity,
                actor=draft.caller.actor,
                channel_id=channel.id,
                reference=f"Reservation:{reservation_id}",
            ),
        )
    if key is not None:
        by_reference[key] = reservation_id
    if draft.caller.is_anonymous:
        usage.add(draft.caller, draft.demands)
    return Outcome(refs={"reservation": str(reservation_id)}, created_rows={"reservation": row})


def _add_hold(
    tx: Transaction, draft: _ReservationDraft, reservation_id: UUID, decision: Mapping[str, Any]
) -> NewReservationRow:
    command = draft.command
    expires_at = tx.now + timedelta(seconds=command.ttl_seconds)
    row: NewReservationRow = {
        "id": reservation_id,
        "status": str(ReservationStatus.HELD),
        "channel_id": draft.channel.id,
        "external_reference": command.external_reference,
        "actor": draft.caller.actor,
        "address": draft.caller.address if draft.caller.is_anonymous else None,
        "created_at": tx.now,
        "expires_at": expires_at,
        "first_ttl_seconds": command.ttl_seconds,
        "routing": orjson.dumps(decision).decode(),
    }
    tx.add(Reservation, row)
    units = totals((demand.item.sku, demand.quantity) for demand in draft.demands)
    created = ReservationCreated(expires_at=expires_at, units=units)
    reservation_expiry.record(tx, row, created, draft.caller.actor, 1)
    tx.outbox.audit(
        draft.caller.actor,
        "reservationCreate",
        ("Reservation", reservation_id),
        after={"status": "HELD", "channel": draft.channel.code, "units": units},
    )
    return row


async def _own_hold(tx: Transaction, reservation_id: UUID, caller: Caller) -> ReservationRow:
    """A hold in the caller's scope; raises NotFound for others.

    A caller without a key sees only holds made without a key, by their id.
    """
    row = await reservation_queries.hold(tx.session, reservation_id)
    channels = await lookups.channels_by_id(tx.session, [row["channel_id"]] if row else [])
    if row is None or not await _sees(tx, caller, row, channels):
        raise NotFound("reservation", str(reservation_id), field=("id",))
    return row


async def _sees(
    tx: Transaction, caller: Caller, row: ReservationRow, channels: Mapping[int, ChannelFacts]
) -> bool:
    """True if the caller's scope contains the hold."""
    if caller.is_anonymous and row["address"] is None:
        return False
    if not caller.sees_channel(channels[row["channel_id"]].code):
        return False
    # A caller without a limit on locations sees all of a channel: no query is needed.
    return caller.locations is None or await sees_hold(tx.session, caller, row["id"])


@one_by_one("reservationExtend")
async def extend(tx: Transaction, command: ExtendReservation, caller: Caller) -> Mapping[str, Any]:
    """Move the end of a live hold, within its limits.

    Locks the hold. Raises ReservationAlreadyExpired from its end on, and IllegalTransition if it
    has ended in another way. Records `reservation.extended`.
    """
    problems = Problems()
    with problems.under():
        check_ttl(command.ttl_seconds, caller, tx.terms.holds)
    with problems.under():
        await _own_hold(tx, command.reservation_id, caller)
    problems.refuse()
    tx.locking(LockClass.HOLDS)
    row = (await reservation_queries.lock_holds(tx.session, [command.reservation_id]))[0]
    status = status_at(ReservationStatus(row["status"]), row["expires_at"], tx.now)
    if status is ReservationStatus.EXPIRED:
        raise ReservationAlreadyExpired(row["expires_at"], field=("id",))
    if status is not ReservationStatus.HELD:
        raise IllegalTransition("reservation", status, "EXTENDED", (), field=("id",))
    ends_at = extended_until(
        row["created_at"],
        row["first_ttl_seconds"],
        row["expires_at"],
        command.ttl_seconds,
        tx.now,
        tx.terms.holds,
    )
    version = row["version"] + 1
    await reservation_queries.extend_hold(tx.session, row["id"], ends_at, version)
    extended = ReservationExtended(expires_at=ends_at)
    reservation_expiry.record(tx, row, extended, caller.actor, version)
    tx.outbox.audit(
        caller.actor,
        "reservationExtend",
        ("Reservation", row["id"]),
        before={"expiresAt": row["expires_at"].isoformat()},
        after={"expiresAt": ends_at.isoformat()},
    )
    return {"reservation": str(row["id"])}


@action("reservationRelease")
async def release(
    tx: Transaction, requests: Sequence[Request[ReleaseReservation]]
) -> list[Outcome]:
    """Release live holds; one locked read and one write for all.

    Locks the stock of their items, then the holds. Refusals: ReservationAlreadyExpired from a
    hold's end on (its units are available already), IllegalTransition if it has ended before,
    NotFound outside the caller's scope. Records `reservation.released`.
    """
    ids = sorted({request.command.reservation_id for request in requests})
    lines = await reservation_queries.lines_of(tx.session, ids)
    await tx.stock.lock([line["item_id"] for line in lines])
    tx.locking(LockClass.HOLDS)
    rows = {row["id"]: row for row in await reservation_queries.lock_holds(tx.session, ids)}
    channels = await lookups.channels_by_id(
        tx.session, [row["channel_id"] for row in rows.values()]
    )
    ended: dict[str, list[ReservationRow]] = {}
    outcomes = []
    for request in requests:
        row = rows.get(request.command.reservation_id)
        try:
            await _check_release(tx, row, request, channels)
        except DomainError as error:
            outcomes.append(Outcome.refused(error))
            continue
        assert row is not None
        ended.setdefault(request.caller.actor, []).append(row)
        rows[row["id"]] = {**row, "status": str(ReservationStatus.RELEASED)}
        outcomes.append(Outcome(refs={"reservation": str(row["id"])}))
    for actor, of_actor in ended.items():
        of_holds = {row["id"] for row in of_actor}
        their_lines = [line for line in lines if line["reservation_id"] in of_holds]
        await reservation_expiry.end(tx, of_actor, their_lines, ReservationStatus.RELEASED, actor)
    return outcomes


async def _check_release(
    tx: Transaction,
    row: ReservationRow | None,
    request: Request[ReleaseReservation],
    channels: Mapping[int, ChannelFacts],
) -> None:
    if row is None or not await _sees(tx, request.caller, row, channels):
        raise NotFound("reservation", str(request.command.reservation_id), field=("id",))
    reservation_expiry.check_is_held(row, ReservationStatus.RELEASED)
    if row["expires_at"] <= tx.now:
        raise ReservationAlreadyExpired(row["expires_at"], field=("id",))
