"""Policies tried out on past cases."""

from typing import Annotated

from strawberry import argument

import workflows.policies.previews
from schema.context import Info
from schema.mutations.policies import PolicyInput
from schema.types.previews import PolicyPreview

LAST_DEFAULT = 100


async def policy_preview(
    info: Info,
    input: PolicyInput,
    last: Annotated[
        int | None, argument(description="How many past returns or refunds to look at: 1 to 250.")
    ] = LAST_DEFAULT,
) -> PolicyPreview:
    """What a policy would have decided about past cases; nothing is published.

    For RETURN, DISPOSITION and REFUND; BAD_REQUEST for other kinds. What is wrong with the rules is
    BAD_REQUEST too.
    """
    context = info.context
    found = await workflows.policies.previews.preview(
        *await context.opened(),
        input.to_command(),
        LAST_DEFAULT if last is None else last,
        context.now,
    )
    return await PolicyPreview.of(found, context)
