"""Input and payload of publishing a policy."""

from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry import UNSET

from schema.fields.arguments import given
from schema.fields.enums import PolicyKind
from schema.fields.errors import Payload, UserError
from schema.fields.scalars import JSON
from schema.types.policies import Policy
from workflows.policies.publishing import PublishPolicy


@strawberry.input
class PolicyInput:
    """The next version of the rules of a kind for a scope. Versions never change."""

    kind: PolicyKind
    scope: str
    """`global`, or a scope by facts that decisions of the kind know. ROUTING, RETURN and REFUND:
    `channel:x`, `category:y` or `channel:x,category:y`. DISPOSITION, ADJUSTMENT and COUNT:
    `location:X` or `category:y`. EXCEPTION and CONTINUITY: `location:X` or `channel:x`.
    FULFILLMENT and ROLLOUT: these two, or `channel:x,location:X`. INVALID for another, with the
    allowed ones in `details`."""
    rules: JSON
    """Rules; their structure depends on the kind. Errors name the path within the rules."""
    effective_from: datetime | None = UNSET
    """Start of validity; absent: now."""

    def to_command(self) -> PublishPolicy:
        """The command."""
        return PublishPolicy(
            kind=self.kind,
            scope=self.scope,
            rules=cast(Any, self.rules),
            effective_from=given(self.effective_from),
        )


@strawberry.type
class PolicyPayload(Payload):
    """The published version; null if the mutation was refused."""

    policy: Policy | None
    replayed: bool
    user_errors: list[UserError]
