"""Execution of a mutation field: its action, then its payload."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from schema.context import Context, Info
from schema.errors import user_errors
from schema.fields.node import key_of, load, prime
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome

C = TypeVar("C")
P = TypeVar("P")


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
