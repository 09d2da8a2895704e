"""Execution of a mutation field: its action, then the payload with the records it refers to."""

import asyncio
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from domain.errors import DomainError
from schema.context import Context, Info
from schema.errors import user_errors
from schema.fields.errors import Payload
from schema.fields.node import NODE_TYPES, key_of, load, prime
from schema.fields.unread import read
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome

C = TypeVar("C")
P = TypeVar("P", bound=Payload)


async def perform_mutation(
    info: Info, action: Action[C], to_command: Callable[[], C], payload: type[P]
) -> P:
    """Perform an action and build its payload.

    Each field of the payload that holds records is filled from the reference of that name in the
    outcome of the action.
    """
    context = info.context
    build: Callable[..., P] = payload
    outcome = await perform_action(info, action, to_command)
    facts: dict[str, Any] = {
        each.field: await _found(context, outcome, each) for each in references_of(build)
    }
    if outcome.secret is not None:
        facts["secret"] = outcome.secret
    return build(**facts, replayed=outcome.replayed, user_errors=user_errors(outcome))


async def perform_action(info: Info, action: Action[C], to_command: Callable[[], C]) -> Outcome:
    """Perform the action of a mutation field. Returns its outcome."""
    try:
        command, unread = read(to_command)
    except DomainError as error:
        return Outcome.refused(error)
    return await info.context.perform(info.path.key, action, command, unread)


class PayloadReference(NamedTuple):
    """A field of a payload that holds one record or a list of records."""

    field: str
    name: str  # in the outcome
    type_name: str
    is_list: bool
    has_nulls: bool  # a list that keeps null in the place of a record that the caller may not see


@cache
def references_of(payload: Callable[..., Payload]) -> tuple[PayloadReference, ...]:
    """The fields of a payload that hold records, by their annotations."""
    found = []
    for field, annotation in get_type_hints(payload).items():
        is_list = get_origin(annotation) is list
        element = get_args(annotation)[0] if is_list else annotation
        held = _present(element)
        if isinstance(held, type) and held.__name__ in NODE_TYPES:
            first, *rest = field.split("_")
            name = "".join([first, *map(str.capitalize, rest)])
            found.append(PayloadReference(field, name, held.__name__, is_list, held is not element))
    return tuple(found)


def _present(annotation: Any) -> Any:
    """X for `X | None`; any other annotation unchanged."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 else annotation


async def _found(context: Context, outcome: Outcome, reference: PayloadReference) -> Any:
    """The record or records that an outcome refers to."""
    _, name, type_name, is_list, has_nulls = reference
    ref = outcome.refs.get(name)
    if is_list:
        loads = (_loaded(context, type_name, each) for each in ref or ())
        loaded = await asyncio.gather(*loads)
        return loaded if has_nulls else [each for each in loaded if each is not None]
    key = key_of(type_name, str(ref))
    # A caller with a limited set of locations may not see every row that its action made.
    if key is not None and name in outcome.created_rows and context.caller.locations is None:
        prime(context, type_name, key, outcome.created_rows[name])
    return await _loaded(context, type_name, ref)


async def _loaded(context: Context, type_name: str, ref: object) -> Any:
    return None if ref is None else await load(context, type_name, key_of(type_name, str(ref)))
