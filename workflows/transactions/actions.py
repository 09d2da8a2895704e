"""Actions: workflows under the names of their mutations, and the reactions to their events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from domain.access.callers import Caller, Role
from domain.errors import DomainError
from domain.events.payloads import EventPayload, PayloadT
from domain.problems import Faults
from workflows.transactions.levels import Level, Reshelved
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.outcomes import Outcome, Refused, Request
from workflows.transactions.transaction import Transaction

CommandT = TypeVar("CommandT")

Run = Callable[[Transaction, Sequence[Request[CommandT]]], Awaitable[list[Outcome]]]


Reaction = Callable[[Transaction, PendingEvent[Any]], Awaitable[None]]


def after(
    payload: type[PayloadT],
    *reactions: Callable[[Transaction, PendingEvent[PayloadT]], Awaitable[None]],
) -> tuple[type[EventPayload], Sequence[Reaction]]:
    """The reactions to one type of event, each of which must take its payload."""
    return payload, reactions


BatchReaction = Callable[[Transaction, Sequence[PendingEvent[Any]]], Awaitable[None]]


def after_all(
    payload: type[PayloadT],
    *reactions: Callable[[Transaction, Sequence[PendingEvent[PayloadT]]], Awaitable[None]],
) -> tuple[type[EventPayload], Sequence[BatchReaction]]:
    """The reactions to all events of one type that a transaction has recorded, at once."""
    return payload, reactions


@dataclass(frozen=True, slots=True)
class Reactions:
    """Work before commit that follows from events, and from units that changed.

    `after_events`: for events of which group commit brings many; they react before `after_event`.
    `after_available`: items with units that became AVAILABLE. `after_reshelved`: levels that have
    got unbinned units, or have no longer any. `after_settled`: levels with fewer missing units.
    """

    after_event: Mapping[type[EventPayload], Sequence[Reaction]]
    after_available: Sequence[Callable[[Transaction, frozenset[int]], Awaitable[object]]] = ()
    after_reshelved: Sequence[Callable[[Transaction, Sequence[Reshelved]], Awaitable[object]]] = ()
    after_settled: Sequence[Callable[[Transaction, Sequence[Level]], Awaitable[object]]] = ()
    after_events: Mapping[type[EventPayload], Sequence[BatchReaction]] = field(default_factory=dict)


class KeyClaim(Enum):
    """Time at which the idempotency keys of an action are claimed."""

    FIRST = "before the workflow begins"
    WITH_LOCK = "in the call in which the workflow locks the stock"


@dataclass(frozen=True, slots=True)
class Action(Generic[CommandT]):
    """A business action: its GraphQL name, and the workflow that performs it.

    `takes_batches`: the workflow takes each class of locks for all its commands before the next
    class. Other actions get a transaction per command, because a second command would lock out of
    order.
    """

    name: str
    run: Run[CommandT]
    takes_batches: bool = False
    claim: KeyClaim = KeyClaim.FIRST
    requires_key_of: frozenset[Role] = frozenset({Role.PARTNER})


def action(
    name: str, claim: KeyClaim = KeyClaim.FIRST
) -> Callable[[Run[CommandT]], Action[CommandT]]:
    """Decorate a workflow over lists of requests as an action."""
    return lambda run: Action(name, run, takes_batches=True, claim=claim)


def one_by_one(
    name: str,
) -> Callable[
    [Callable[[Transaction, CommandT, Caller], Awaitable[Mapping[str, Any] | Outcome]]],
    Action[CommandT],
]:
    """Decorate a workflow over a single command as an action; each request has its own savepoint.

    The workflow returns the references of its outcome, or raises a domain error.
    """

    def wrap(
        perform: Callable[[Transaction, CommandT, Caller], Awaitable[Mapping[str, Any] | Outcome]],
    ) -> Action[CommandT]:
        async def run(tx: Transaction, requests: Sequence[Request[CommandT]]) -> list[Outcome]:
            outcomes = []
            for request in requests:
                try:
                    async with tx.savepoint():
                        refs = await perform(tx, request.command, request.caller)
                        if request.unread:
                            raise Faults(each.error for each in request.unread)
                except DomainError as error:
                    outcomes.append(Outcome.refused(error))
                except Refused as refused:
                    outcomes.append(Outcome.refused(*refused.errors, refs=refused.refs))
                else:
                    outcomes.append(_outcome(refs))
            return outcomes

        return Action(name, run)

    return wrap


def _outcome(refs: Mapping[str, Any] | Outcome) -> Outcome:
    return refs if isinstance(refs, Outcome) else Outcome(refs=refs)
