"""Payload of the mutation on the books."""

import strawberry

from schema.types.errors import UserError
from schema.types.ledger import Period


@strawberry.type
class PeriodPayload:
    """The period that was closed."""

    period: Period | None
    replayed: bool
    user_errors: list[UserError]
