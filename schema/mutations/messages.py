"""Commands and payload of the mutations on messages."""

import strawberry
from strawberry import ID

from domain.webhooks.commands import ReplayEvents, RetryMessages, SendTest, SkipMessage
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.integrations.messages import Message


def retry(ids: list[ID]) -> RetryMessages:
    """The command. Raises NotFound."""
    return RetryMessages(
        tuple(required_uuid("Message", each, "ids", str(n)) for n, each in enumerate(ids))
    )


def skip(message_id: ID, note: str) -> SkipMessage:
    """The command. Raises NotFound."""
    return SkipMessage(required_uuid("Message", message_id, "id"), note)


def replay(code: str, after: str, until: str | None) -> ReplayEvents:
    """The command."""
    return ReplayEvents(code, after, until)


def test(code: str) -> SendTest:
    """The command."""
    return SendTest(code)


@strawberry.type
class MessagePayload(Payload):
    """Messages that were changed or made."""

    messages: list[Message]
    """Empty if the mutation was refused."""
    replayed: bool
    user_errors: list[UserError]
