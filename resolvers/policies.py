"""Policies: every version, and the next one."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.policies as policy_reads
import workflows.policies.publishing
from schema.context import Info
from schema.errors import perform_mutation
from schema.fields.arguments import given
from schema.fields.enums import PolicyKind
from schema.mutations.policies import PolicyInput, PolicyPayload
from schema.types.policies import Policy


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
        info,
        workflows.policies.publishing.publish,
        input.to_command,
        PolicyPayload,
        policy="Policy",
    )
