"""Commands and payload of the mutations on operational exceptions."""

from datetime import datetime

import strawberry
from strawberry import ID

from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.exceptions import OperationalException
from workflows.exceptions.handling import (
    AssignException,
    ResolveException,
    StartException,
    WaitException,
)

TYPE = "OperationalException"


def assign(exception_id: ID, owner: str) -> AssignException:
    """The command. Raises NotFound."""
    return AssignException(required_uuid(TYPE, exception_id, "id"), owner)


def start(exception_id: ID) -> StartException:
    """The command. Raises NotFound."""
    return StartException(required_uuid(TYPE, exception_id, "id"))


def wait(exception_id: ID, until: datetime, note: str) -> WaitException:
    """The command. Raises NotFound."""
    return WaitException(required_uuid(TYPE, exception_id, "id"), until, note)


def resolve(exception_id: ID, resolution: str) -> ResolveException:
    """The command. Raises NotFound."""
    return ResolveException(required_uuid(TYPE, exception_id, "id"), resolution)


@strawberry.type
class ExceptionPayload(Payload):
    """The exception; null if the mutation was refused."""

    exception: OperationalException | None
    replayed: bool
    user_errors: list[UserError]
