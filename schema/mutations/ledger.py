"""Payload of the mutation on the ledger."""

import strawberry

from schema.fields.errors import Payload, UserError
from schema.types.ledger import Period


@strawberry.type
class PeriodPayload(Payload):
    """The closed period; null if the mutation was refused."""

    period: Period | None
    replayed: bool
    user_errors: list[UserError]
