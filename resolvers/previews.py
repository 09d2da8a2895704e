"""Policies tried out on past cases."""

import workflows.policy_previews
from schema.context import Info
from schema.types.changes.policies import PolicyInput
from schema.types.previews import PolicyPreview

LAST_DEFAULT = 100


async def policy_preview(
    info: Info, input: PolicyInput, last: int | None = LAST_DEFAULT
) -> PolicyPreview:
    """What a policy would have decided on the last returns or refunds; nothing is published."""
    context = info.context
    found = await workflows.policy_previews.preview(
        *await context.opened(),
        input.to_command(),
        LAST_DEFAULT if last is None else last,
        context.now,
    )
    return await PolicyPreview.of(found, context)
