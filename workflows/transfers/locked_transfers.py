"""A transfer under its lock: its units, changed in memory and written together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.stock.transfers as transfer_queries
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.stock import TransferClosed, TransferPayload, TransferStep
from domain.ledger.entries import Occasion
from domain.problems import Problems
from domain.stock.states import MovementKind
from domain.stock.transfers import TRANSFER_TRANSITIONS, TransferStatus, TransferUnits
from domain.values.codes import ByCode
from models.queries.catalog.lookups import LocationFacts
from models.queries.stock.transfers import LockedTransferLineRow, LockedTransferRow
from workflows.stock.scanned_items import in_skus
from workflows.transactions.lock_order import LockClass
from workflows.transactions.stock_levels import Cause
from workflows.transactions.transaction import Transaction
from workflows.transfers.commands import TransferUnitsOf


@dataclass(slots=True)
class LockedTransferLine:
    """A line of a locked transfer."""

    id: UUID
    item_id: int
    sku: str
    units: TransferUnits


@dataclass(slots=True)
class LockedTransfer:
    """A locked transfer: its row, its lines in order, and its two locations."""

    row: LockedTransferRow
    lines: list[LockedTransferLine]
    origin: LocationFacts
    destination: LocationFacts

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def status(self) -> TransferStatus:
        return TransferStatus(self.row["status"])

    @property
    def reference(self) -> str:
        """The reference of its movements."""
        return f"Transfer:{self.id}"

    @property
    def by_sku(self) -> ByCode[LockedTransferLine]:
        """The lines by SKU."""
        return ByCode(self.lines, _sku)

    def check_may_become(self, requested: TransferStatus, *field: str) -> None:
        """Raise IllegalTransition unless the state table has this step."""
        allowed = TRANSFER_TRANSITIONS[self.status]
        if requested not in allowed:
            raise IllegalTransition("transfer", self.status, requested, allowed, field=field)


async def lock(tx: Transaction, transfer_id: UUID, caller: Caller, *field: str) -> LockedTransfer:
    """Lock a transfer. Raises NotFound unless the caller sees one of its locations."""
    tx.locking(LockClass.TRANSFER)
    row = await transfer_queries.lock_transfer(tx.session, transfer_id)
    if row is not None:
        places = await lookups.locations_by_id(
            tx.session, [row["origin_id"], row["destination_id"]]
        )
        origin, destination = places[row["origin_id"]], places[row["destination_id"]]
        if caller.sees_location(origin.code) or caller.sees_location(destination.code):
            found = await transfer_queries.lines_of(tx.session, transfer_id)
            return LockedTransfer(row, [_line(each) for each in found], origin, destination)
    raise NotFound("transfer", str(transfer_id), field=field)


def _sku(line: LockedTransferLine) -> str:
    return line.sku


def _line(row: LockedTransferLineRow) -> LockedTransferLine:
    units = TransferUnits(
        requested=row["requested"],
        shipped=row["shipped"],
        in_transit=row["in_transit"],
        received=row["received"],
        damaged=row["damaged"],
        came_back=row["came_back"],
        lost=row["lost"],
        extra=row["extra"],
        value_minor=row["value_minor"],
        lost_minor=row["lost_minor"],
    )
    return LockedTransferLine(row["id"], row["item_id"], row["sku"], units)


def check_sees(caller: Caller, place: LocationFacts, transfer_id: UUID, *field: str) -> None:
    """Raise NotFound unless the caller may act at this end of a transfer."""
    if not caller.sees_location(place.code):
        raise NotFound("transfer", str(transfer_id), field=field)


async def named_lines(
    tx: Transaction,
    locked: LockedTransfer | None,
    named: Sequence[TransferUnitsOf],
    problems: Problems,
    *field: str,
) -> list[tuple[LockedTransferLine, int]]:
    """The (line, units) that a command names, each line once. Collects Invalid and NotFound.

    `locked` None: the transfer is not found, so that its lines are not checked.
    """
    if not named:
        return []
    units = dict[UUID, int]()
    lines = ByCode[LockedTransferLine]((), _sku) if locked is None else locked.by_sku
    for index, each in enumerate(await in_skus(tx, named, problems, *field)):
        path, line = (*field, str(index), "sku"), lines.get(each.sku)
        if line is not None:
            units[line.id] = units.get(line.id, 0) + each.quantity
        elif locked is not None and not problems.has(*path):
            problems.errors.append(NotFound("line of the transfer", each.sku, field=path))
    return [] if locked is None else [(e, units[e.id]) for e in locked.lines if e.id in units]


def check_at_most(
    wanted: Iterable[tuple[LockedTransferLine, int, int]], why: str, *field: str
) -> None:
    """Raise Invalid if lines have fewer units than are named: (line, named, at most)."""
    problems = Problems()
    for line, named, most in wanted:
        with problems.under(*field):
            if named > most:
                raise Invalid(
                    f"At most {most} units of {line.sku} {why}; {named} were sent.",
                    details={"sku": line.sku, "maximum": most, "requested": named},
                )
    problems.refuse()


def time_of(tx: Transaction, locked: LockedTransfer) -> datetime:
    """The time of a fact that happens now; a process with a faster clock may have requested it."""
    return max(tx.now, locked.row["requested_at"])


def occasion(tx: Transaction, locked: LockedTransfer) -> Occasion:
    """The occasion of a journal entry of a transfer."""
    return Occasion(locked.row["number"], time_of(tx, locked))


async def write(tx: Transaction, locked: LockedTransfer, status: TransferStatus) -> TransferStep:
    """Write the lines and the status as a new version. Returns the fields of its event."""
    before = locked.status
    is_over = status in (TransferStatus.CLOSED, TransferStatus.CANCELLED)
    locked.row = {
        **locked.row,
        "status": str(status),
        "closed_at": time_of(tx, locked) if is_over else None,
        "version": locked.row["version"] + 1,
    }
    await tx.flush()
    await transfer_queries.write_lines(
        tx.session,
        [
            (
                line.id,
                line.units.shipped,
                line.units.in_transit,
                line.units.received,
                line.units.damaged,
                line.units.came_back,
                line.units.lost,
                line.units.extra,
                line.units.value_minor,
                line.units.lost_minor,
            )
            for line in locked.lines
        ],
    )
    await transfer_queries.write_transfer(tx.session, locked.row, tx.now)
    return {**step(locked), "before": before}


def step(locked: LockedTransfer) -> TransferStep:
    """The fields of an event of the transfer as it is."""
    return {
        "number": locked.row["number"],
        "status": locked.status,
        "before": locked.status,
        "origin": locked.origin.code,
        "destination": locked.destination.code,
    }


def record(tx: Transaction, locked: LockedTransfer, event: TransferPayload, actor: str) -> None:
    """Record an event of a transfer that was just written, and its end if this was it."""
    version = locked.row["version"]
    tx.outbox.record(event, locked.id, actor=actor, version=version)
    if locked.status is TransferStatus.CLOSED:
        closed = TransferClosed(**step(locked))
        tx.outbox.record(closed, locked.id, actor=actor, version=version)


def expect(tx: Transaction, locked: LockedTransfer, units: Mapping[int, int], actor: str) -> None:
    """Change the incoming units of the destination, by item. Its levels must be locked."""
    cause = Cause(MovementKind.TRANSFERRED, actor)
    for item_id, change in sorted(units.items()):
        if change:
            tx.stock.expect(tx.stock.levels[item_id, locked.destination.id], change, cause)
