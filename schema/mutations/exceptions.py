"""Commands and payload of the mutations on operational exceptions."""

from datetime import datetime

import strawberry
from strawberry import ID

from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid, uuid_in
from schema.types.exceptions import OperationalException
from workflows.exceptions.bulk import AssignExceptions, ResolveExceptions
from workflows.exceptions.escalation import EscalateException
from workflows.exceptions.handling import (
    AssignException,
    CommentException,
    ResolveException,
    StartException,
    WaitException,
)

TYPE = "OperationalException"


def assign(exception_id: ID, owner: str) -> AssignException:
    """The command."""
    return AssignException(required_uuid(TYPE, exception_id, "id"), owner)


def start(exception_id: ID) -> StartException:
    """The command."""
    return StartException(required_uuid(TYPE, exception_id, "id"))


def wait(exception_id: ID, until: datetime, note: str) -> WaitException:
    """The command."""
    return WaitException(required_uuid(TYPE, exception_id, "id"), until, note)


def resolve(exception_id: ID, resolution: str) -> ResolveException:
    """The command."""
    return ResolveException(required_uuid(TYPE, exception_id, "id"), resolution)


def comment(exception_id: ID, text: str) -> CommentException:
    """The command. Raises NotFound."""
    return CommentException(required_uuid(TYPE, exception_id, "id"), text)


def escalate(exception_id: ID, note: str) -> EscalateException:
    """The command. Raises NotFound."""
    return EscalateException(required_uuid(TYPE, exception_id, "id"), note)


def assign_all(exception_ids: list[ID], owner: str) -> AssignExceptions:
    """The command; an id of another type is None."""
    return AssignExceptions(tuple(uuid_in(TYPE, each) for each in exception_ids), owner)


def resolve_all(exception_ids: list[ID], resolution: str) -> ResolveExceptions:
    """The command; an id of another type is None."""
    return ResolveExceptions(tuple(uuid_in(TYPE, each) for each in exception_ids), resolution)


@strawberry.type
class ExceptionPayload(Payload):
    """The exception; null if the mutation was refused."""

    exception: OperationalException | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ExceptionsPayload(Payload):
    """The exceptions in the order of the ids; null for each one that was refused."""

    exceptions: list[OperationalException | None]
    """In the order of `ids`; null for each one that was refused."""
    replayed: bool
    user_errors: list[UserError]
