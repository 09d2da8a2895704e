"""Steps of several exceptions in one request, each by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.exceptions.handling as exception_handling
from domain.access.callers import Caller
from domain.errors import DomainError, Invalid, LimitExceeded, NotFound
from domain.problems import Problems
from domain.values.codes import check_stored, store_codes
from domain.values.texts import NOTE_MAX, check_text
from models.exceptions import OperationalExceptionRow
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

BULK_MAX = 200


@dataclass(frozen=True, slots=True)
class AssignExceptions:
    """Give several exceptions the same owner."""

    exception_ids: tuple[UUID | None, ...]
    owner: str

    def __post_init__(self) -> None:
        store_codes(self, "owner")


@dataclass(frozen=True, slots=True)
class ResolveExceptions:
    """Close several exceptions; `resolution` describes the solution."""

    exception_ids: tuple[UUID | None, ...]
    resolution: str


@one_by_one("exceptionsAssign")
async def assign_all(tx: Transaction, command: AssignExceptions, caller: Caller) -> Outcome:
    """Give up to BULK_MAX exceptions an owner, each by itself, as `assign` does.

    The outcome's `exceptions` has the ids in the order of the command, None for a refused one.
    """
    problems = Problems()
    with problems.under():
        check_stored(command.owner, "owner")

    async def each(before: OperationalExceptionRow) -> Mapping[str, Any]:
        owner = await exception_handling.owner_of(tx, before, command.owner)
        return await exception_handling.assign_locked(
            tx, before, owner, "exceptionsAssign", caller.actor
        )

    return await _each(tx, command.exception_ids, caller, each, problems)


@one_by_one("exceptionsResolve")
async def resolve_all(tx: Transaction, command: ResolveExceptions, caller: Caller) -> Outcome:
    """Resolve up to BULK_MAX exceptions, each by itself, as `resolve` does.

    The outcome's `exceptions` has the ids in the order of the command, None for a refused one.
    """
    problems = Problems()
    with problems.under():
        check_text(command.resolution, "resolution", longest=NOTE_MAX)

    async def each(before: OperationalExceptionRow) -> Mapping[str, Any]:
        return await exception_handling.resolve_locked(
            tx, before, command.resolution, "exceptionsResolve", caller.actor
        )

    return await _each(tx, command.exception_ids, caller, each, problems)


async def _each(
    tx: Transaction,
    ids: Sequence[UUID | None],
    caller: Caller,
    work: Callable[[OperationalExceptionRow], Awaitable[Mapping[str, Any]]],
    problems: Problems,
) -> Outcome:
    """Do the same to several exceptions, in the order of their ids; None: an id of another type.

    A refused one changes nothing, and its errors name its position. `problems`: faults of the other
    arguments. With such a fault nothing is done, and the faults of the ids are reported too. Raises
    LimitExceeded.
    """
    if not 1 <= len(ids) <= BULK_MAX:
        raise LimitExceeded("ids", min(max(len(ids), 1), BULK_MAX), len(ids), field=("ids",))
    done: list[str | None] = [None] * len(ids)
    refused: dict[int, DomainError] = {}
    first: dict[UUID | None, int] = {}
    for index, exception_id in enumerate(ids):
        first.setdefault(exception_id, index)
    # Rows are locked in one order, so that two bulk steps cannot block each other.
    for index in sorted(range(len(ids)), key=lambda each: (str(ids[each]), each)):
        exception_id, field = ids[index], ("ids", str(index))
        try:
            if exception_id is None:
                raise NotFound("operational exception", "of this id", field=field)
            if first[exception_id] != index:
                raise Invalid("The exception is named twice.", field=field)
            before = await exception_handling.lock(tx, exception_id, caller, field)
            if not problems.errors:
                done[index] = (await work(before))["exception"]
        except DomainError as error:
            error.field = field if error.field in ((), ("id",)) else error.field
            refused[index] = error
    errors = [refused[index] for index in sorted(refused)]
    if problems.errors:
        problems.errors.extend(errors)
        problems.refuse()
    return Outcome.each({"exceptions": done}, errors, is_any=len(refused) < len(ids))
