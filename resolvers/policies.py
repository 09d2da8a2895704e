"""Policies: every version, and the next one."""

from strawberry import UNSET

import models.queries.reads.policies as reads
import workflows.policies
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.policies import PolicyInput, PolicyPayload
from schema.types.enums import PolicyKind
from schema.types.policies import Policy


async def policies(
    info: Info, kind: PolicyKind | None = UNSET, scope: str | None = UNSET
) -> list[Policy]:
    """Versions of the policies of a kind and scope, newest first."""
    rows = await reads.policies(
        *await info.context.opened(), kind=given(kind), policy_scope=given(scope)
    )
    return [Policy.from_row(row, info.context) for row in rows]


async def policy_publish(info: Info, input: PolicyInput) -> PolicyPayload | None:
    """Publish the next version of a kind and scope."""
    return await change(
        info, workflows.policies.publish, input.to_command, PolicyPayload, policy="Policy"
    )
