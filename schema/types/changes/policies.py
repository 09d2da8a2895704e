"""Input and payload of publishing a policy."""

from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry import UNSET

from schema.types.arguments import given
from schema.types.enums import PolicyKind
from schema.types.errors import UserError
from schema.types.policies import Policy
from schema.types.scalars import JSON
from workflows.policies import PublishPolicy


@strawberry.input
class PolicyInput:
    """The next version of the rules of a kind for a scope; they are never changed afterwards."""

    kind: PolicyKind
    scope: str
    rules: JSON
    effective_from: datetime | None = UNSET

    def to_command(self) -> PublishPolicy:
        """The command."""
        return PublishPolicy(
            kind=self.kind,
            scope=self.scope,
            rules=cast(Any, self.rules),
            effective_from=given(self.effective_from),
        )


@strawberry.type
class PolicyPayload:
    """The version that was published."""

    policy: Policy | None
    replayed: bool
    user_errors: list[UserError]
