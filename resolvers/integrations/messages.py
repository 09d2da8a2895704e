"""Messages of integrations: their list, retries, skips, replays and tests."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.webhooks.reads as message_reads
import schema.mutations.messages as commands
import workflows.webhooks.replays
import workflows.webhooks.retries
from models.queries.webhooks.reads import MessageFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import MessageDirection, MessageStatus
from schema.fields.node import decode
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.integrations import IntegrationPayload
from schema.mutations.messages import MessagePayload
from schema.mutations.perform import perform_mutation
from schema.types.integrations.messages import Message

_Code = Annotated[str, argument(description="Code of the integration.")]


async def messages(
    info: Info,
    integration: Annotated[
        str | None, argument(description="Only of the integration with this code.")
    ] = UNSET,
    direction: Annotated[
        MessageDirection | None, argument(description="Only messages of this direction.")
    ] = UNSET,
    status: MessageStatus | None = UNSET,
    reference: Annotated[
        str | None, argument(description="Only about the event with this id.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[Message]:
    """Messages of integrations, newest first. Null arguments do not filter.

    Without the permission `internals.read`, only those of webhooks of the caller's own actor.
    Settled messages are kept for 14 days; PARKED ones until a person settles them.
    """
    filters = MessageFilters(
        integration=given(integration),
        direction=given(direction),
        status=given(status),
        reference=_stored(given(reference)),
    )
    page = await message_reads.messages(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        filters,
    )
    return Connection(page, Message.from_row, info.context)


def _stored(reference: str | None) -> str | None:
    """The reference as its row has it: the key of a global id, or any other text."""
    found = None if reference is None else decode(reference)
    return reference if found is None else str(found[1])


async def message_retry(
    info: Info,
    ids: Annotated[list[ID], argument(description="Ids of 1 to 250 messages.")],
) -> MessagePayload | None:
    """Send messages again: PARKED ones, and DONE ones that went out.

    Each becomes PENDING, keeps its id, and has all its attempts once more. Refused: LIMIT_EXCEEDED,
    NOT_FOUND, ILLEGAL_TRANSITION for other messages, or if the integration is OFF.
    """
    return await perform_mutation(
        info, workflows.webhooks.retries.retry, lambda: commands.retry(ids), MessagePayload
    )


async def message_skip(
    info: Info,
    id: Annotated[ID, argument(description="Id of the message.")],
    note: Annotated[str, argument(description="Reason, as free text; 1 to 2,000 characters.")],
) -> MessagePayload | None:
    """Decide that a message is not sent. Later messages that waited for it go on.

    Refused: ILLEGAL_TRANSITION if it is DONE or SKIPPED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.webhooks.retries.skip, lambda: commands.skip(id, note), MessagePayload
    )


async def integration_replay(
    info: Info,
    code: _Code,
    after: Annotated[
        str, argument(description='Cursor; "0": before the oldest event that is kept.')
    ],
    until: Annotated[
        str | None,
        argument(description="Cursor of the last event. Absent: all that were sent so far."),
    ] = UNSET,
) -> IntegrationPayload | None:
    """Send the events of a webhook after a cursor again, at most 1,000,000, with the same ids.

    A STRICT webhook goes back to `after`. Others get new events meanwhile. Refused: INVALID,
    LIMIT_EXCEEDED, NOT_FOUND, ILLEGAL_TRANSITION if it is OFF or a replay is under way.
    """
    return await perform_mutation(
        info,
        workflows.webhooks.replays.replay,
        lambda: commands.replay(code, after, given(until)),
        IntegrationPayload,
    )


async def integration_test(info: Info, code: _Code) -> MessagePayload | None:
    """Send a message of type `integration.test` to a webhook, also while it is PAUSED.

    It has one attempt; read the message again to see the result. Refused: INVALID for other kinds,
    NOT_FOUND, ILLEGAL_TRANSITION if it is OFF.
    """
    return await perform_mutation(
        info, workflows.webhooks.replays.send_test, lambda: commands.test(code), MessagePayload
    )
