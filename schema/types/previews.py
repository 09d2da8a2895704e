"""What a policy would have decided about past cases, before it is published."""

import strawberry

from domain.policies.decisions import Decision
from schema.context import Context
from schema.fields.node import Node, load
from schema.types.decisions import PolicyDecision
from workflows.policies.preview_cases import Case, Preview


@strawberry.type
class PolicyPreviewChange:
    """A past case that the policy would have decided otherwise."""

    subject: Node
    """The Return, ReturnItem or Refund."""
    before: PolicyDecision
    """As it was decided."""
    after: PolicyDecision
    """As it would have been decided."""


@strawberry.type
class PolicyPreview:
    """How many past cases a policy would have decided, and which of them otherwise."""

    decided: int
    """Cases that the policy would have been asked about."""
    changed: int
    """How many of them it would have decided otherwise."""
    changes: list[PolicyPreviewChange]

    @staticmethod
    async def of(preview: Preview, context: Context) -> "PolicyPreview":
        """A preview with the objects that it is about."""
        return PolicyPreview(
            decided=preview.decided,
            changed=len(preview.changes),
            changes=[await _change(case, context) for case in preview.changes],
        )


async def _change(case: Case, context: Context) -> PolicyPreviewChange:
    def told(decision: Decision) -> PolicyDecision:
        return PolicyDecision.from_json(decision, context)

    subject: Node = await load(context, *case.subject)
    return PolicyPreviewChange(subject=subject, before=told(case.before), after=told(case.after))
