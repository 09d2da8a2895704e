"""Queries and mutations on policies: versions, publishing, preview on past cases."""

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
from schema.types.policies import Policy, PolicySchema
from schema.types.previews import PolicyPreview
from server.projection.list_sizes import PAGE_MAX, sized

LAST_DEFAULT = 100


@sized(PAGE_MAX)
async def policies(
    info: Info,
    kind: PolicyKind | None = UNSET,
    scope: Annotated[
        str | None, argument(description="Only of exactly this scope: `global`, `channel:web`, …")
    ] = UNSET,
) -> list[Policy]:
    """Policy versions, newest first. Null arguments do not filter."""
    rows = await policy_reads.policies(
        *await info.context.opened(), kind=given(kind), policy_scope=given(scope)
    )
    return [Policy.from_row(row, info.context) for row in rows]


async def policy_schemas(info: Info, kind: PolicyKind | None = UNSET) -> list[PolicySchema]:
    """The structure of the rules of each kind. A null `kind` does not filter."""
    named = given(kind)
    return [PolicySchema.of(each) for each in PolicyKind if named in (None, each)]


async def policy_publish(info: Info, input: PolicyInput) -> PolicyPayload | None:
    """Publish the next version of a policy. Earlier decisions keep the version that made them.

    FORBIDDEN if the role may not publish policies of this kind; each kind has its own permission.
    Refused: INVALID with the path of the error in the rules, NOT_FOUND for a code in the scope.
    """
    return await perform_mutation(
        info, workflows.policies.publishing.publish, input.to_command, PolicyPayload
    )


@sized(by="last")
async def policy_preview(
    info: Info,
    input: PolicyInput,
    last: Annotated[
        int | None, argument(description="Number of past returns or refunds to evaluate: 1 to 250.")
    ] = LAST_DEFAULT,
) -> PolicyPreview:
    """Preview of a policy on past cases; nothing is published.

    Available for RETURN, DISPOSITION and REFUND; other kinds are BAD_REQUEST, and so are invalid
    rules. FORBIDDEN if the role may not read such cases.
    """
    context = info.context
    command = input.to_command()
    workflows.policies.previews.admit(context.caller, command.kind)
    found = await workflows.policies.previews.preview(
        *await context.opened(),
        command,
        LAST_DEFAULT if last is None else last,
        context.now,
    )
    return await PolicyPreview.of(found, context)
