"""How a no is told: rules become `userErrors`, everything else a top-level error with a code."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from domain.errors import (
    AlreadyExists,
    BadRequest,
    DomainError,
    Forbidden,
    RequestError,
    Unauthenticated,
)
from domain.events.cursors import StreamError
from models.database.database import OutcomeUnknown
from models.database.sessions import Contention, DatabaseUnavailable
from schema.context import Context, Info
from schema.fields.errors import UserError, UserErrorCode
from schema.fields.node import encode, key_of, load, prime
from schema.fields.scalars import JSON
from workflows.transactions.actions import Action
from workflows.transactions.group_commit import QueueFull
from workflows.transactions.outcomes import Outcome, Refusal

C = TypeVar("C")
P = TypeVar("P")


def user_errors(outcome: Outcome) -> list[UserError]:
    """The refusals of an outcome."""
    return [_user_error(refusal) for refusal in outcome.refusals]


# What holds a reference that is taken: its type, by the word of the domain for it.
_HOLDERS: Final = {
    "order": "Order",
    "reservation": "Reservation",
    "parcel": "OperationalException",
}


def _details(refusal: Refusal) -> Mapping[str, Any]:
    """The facts of a refusal; an existing object is named by the id that `node(id:)` takes."""
    holder = _HOLDERS.get(refusal.details.get("entity", ""))
    if holder is None or refusal.code != AlreadyExists.code:
        return refusal.details
    return {**refusal.details, "existing": encode(holder, refusal.details["existing"])}


def _user_error(refusal: Refusal) -> UserError:
    return UserError(
        field=list(refusal.field) or None,
        code=UserErrorCode(refusal.code),
        message=refusal.message,
        details=JSON(_details(refusal)) if refusal.details else None,
    )


async def perform_mutation(
    info: Info,
    action: Action[C],
    to_command: Callable[[], C],
    payload: Callable[..., P],
    **types: str,
) -> P:
    """Carry out a mutation field and build its payload from what the action refers to.

    `types`: the type of each object in the payload, by field; `[Type]` for a list of them.
    """
    context = info.context
    outcome = await context.perform(info.path.key, action, to_command)
    facts = {name: await _found(context, outcome, name, kind) for name, kind in types.items()}
    if outcome.secret is not None:
        facts["secret"] = outcome.secret
    return payload(**facts, replayed=outcome.replayed, user_errors=user_errors(outcome))


async def _found(context: Context, outcome: Outcome, name: str, kind: str) -> Any:
    """The object, or objects, that an outcome refers to; lists keep the places of nulls."""
    parts = name.split("_")
    named = "".join([parts[0], *map(str.capitalize, parts[1:])])
    ref = outcome.refs.get(named)
    if not kind.startswith("["):
        key = key_of(kind, str(ref))
        # One that is bound to locations may have made what it does not see whole.
        if key is not None and named in outcome.made and context.caller.locations is None:
            prime(context, kind, key, outcome.made[named])
        return await _loaded(context, kind, ref)
    return await asyncio.gather(*(_loaded(context, kind.strip("[]"), each) for each in ref or ()))


async def _loaded(context: Context, kind: str, ref: object) -> Any:
    return None if ref is None else await load(context, kind, key_of(kind, str(ref)))


@dataclass(frozen=True, slots=True)
class TopLevel:
    """An error of the whole field or request: a code for programs, its HTTP status, facts."""

    code: str
    status: int
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


_STATUS: Final = {Unauthenticated: 401, Forbidden: 403, BadRequest: 400}


def top_level(error: Exception) -> TopLevel | None:
    """What to tell about an exception that left a resolver; None: it is our own mistake."""
    if isinstance(error, RequestError):
        details = error.details if isinstance(error, StreamError) else {}
        return TopLevel(error.code, _STATUS.get(type(error), 400), error.message, details)
    if isinstance(error, DomainError):
        return TopLevel(BadRequest.code, 400, error.message)
    if isinstance(error, OutcomeUnknown):
        message = "The connection was lost while it was being done: ask again with the same key."
        return TopLevel("UNAVAILABLE", 503, message)
    if isinstance(error, QueueFull):
        return TopLevel("UNAVAILABLE", 503, "Too many requests wait already: try again later.")
    if isinstance(error, DatabaseUnavailable | Contention | TimeoutError):
        return TopLevel("UNAVAILABLE", 503, "The database is busy or away: try again.")
    return None
