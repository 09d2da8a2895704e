"""Preview of a policy on past cases, before it is published."""

import strawberry

from domain.policies.decisions import Decision
from schema.context import Context
from schema.fields.node import Node, load
from schema.types.decisions import PolicyDecision
from workflows.policies.preview_cases import Case, Preview


@strawberry.type
class PolicyPreviewChange:
    """A past case with another decision under the previewed policy."""

    subject: Node
    """The Return, ReturnItem or Refund."""
    before: PolicyDecision
    """Stored decision."""
    after: PolicyDecision
    """Decision of the previewed policy."""


@strawberry.type
class PolicyPreview:
    """Number of past cases that a policy would decide, and its changed decisions."""

    decided: int
    """Number of cases in the scope of the policy."""
    changed: int
    """Number of cases with another decision."""
    changes: list[PolicyPreviewChange]

    @staticmethod
    async def of(preview: Preview, context: Context) -> "PolicyPreview":
        """A preview with its objects loaded."""
        return PolicyPreview(
            decided=preview.decided,
            changed=len(preview.changes),
            changes=[await _change(case, context) for case in preview.changes],
        )


async def _change(case: Case, context: Context) -> PolicyPreviewChange:
    def shown(decision: Decision) -> PolicyDecision:
        return PolicyDecision.from_json(decision, context)

    subject: Node = await load(context, *case.subject)
    return PolicyPreviewChange(subject=subject, before=shown(case.before), after=shown(case.after))
