"""Policies: all versions, the next one, and its preview on past cases."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.policies as policy_reads
import workflows.policies.previews
import workflows.policies.publishing
from schema.context import Info
from schema.fields.arguments import given
from schema.fields.enums import PolicyKind
from schema.mutations.perform import perform_mutation
from schema.mutations.policies import PolicyInput, PolicyPayload
from schema.types.policies import Policy
from schema.types.previews import PolicyPreview

LAST_DEFAULT = 100


async def policies(
    info: Info,
    kind: PolicyKind | None = UNSET,
    scope: Annotated[
        str | None, argument(description="Exactly this scope: `global`, `channel:web`, …")
    ] = UNSET,
) -> list[Policy]:
    """Versions of policies, newest first. Null arguments choose all."""
    rows = await policy_reads.policies(
        *await info.context.opened(), kind=given(kind), policy_scope=given(scope)
    )
    return [Policy.from_row(row, info.context) for row in rows]


async def policy_publish(info: Info, input: PolicyInput) -> PolicyPayload | None:
    """Publish the next version of a kind for a scope; decisions of before keep theirs.

    FORBIDDEN where the role may not publish this kind: each has a permission of its own. Refused:
    INVALID with the path of what is wrong with the rules, NOT_FOUND for a code in the scope.
    """
    return await perform_mutation(
        info, workflows.policies.publishing.publish, input.to_command, PolicyPayload
    )


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
