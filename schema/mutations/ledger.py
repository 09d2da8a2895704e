"""Payload of the mutation on the books."""

import strawberry

from schema.fields.errors import Payload, UserError
from schema.types.ledger import Period


@strawberry.type
class PeriodPayload(Payload):
    """The period that was closed; null where it was refused."""

    period: Period | None
    replayed: bool
    user_errors: list[UserError]
