"""Integrations: their list, their settings and secrets, and their status as a stream."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Final

from strawberry import UNSET, argument

import models.queries.integrations.reads as integration_reads
import schema.mutations.integrations as commands
import workflows.integrations.operations
import workflows.integrations.secrets
import workflows.integrations.upserts
from domain.errors import BadRequest
from domain.integrations.commands import UpsertIntegration
from schema.context import Context, Info
from schema.fields.arguments import Resume, given
from schema.fields.enums import IntegrationKind, IntegrationStatus
from schema.mutations.integrations import OVERLAP_DEFAULT, IntegrationInput, IntegrationPayload
from schema.mutations.perform import perform_mutation
from schema.streams import object_now
from schema.types.events import IntegrationEvent
from schema.types.integrations.systems import Integration
from server.projection.list_sizes import PAGE_MAX, sized

CODES_MAX: Final = 100

_Code = Annotated[str, argument(description="Code of the integration.")]


async def integration(info: Info, code: _Code) -> Integration | None:
    """One integration; null if there is none that the caller may see."""
    row = await integration_reads.integration(*await info.context.opened(), code)
    return None if row is None else Integration.from_row(row, info.context)


@sized(PAGE_MAX)
async def integrations(
    info: Info,
    kind: IntegrationKind | None = UNSET,
    status: IntegrationStatus | None = UNSET,
) -> list[Integration]:
    """Integrations, newest first. Null arguments do not filter.

    Without the permission `internals.read`, only the webhooks of the caller's own actor.
    """
    rows = await integration_reads.integrations(
        *await info.context.opened(), kind=given(kind), status=given(status)
    )
    return [Integration.from_row(row, info.context) for row in rows]


async def integration_upsert(info: Info, input: IntegrationInput) -> IntegrationPayload | None:
    """Create or change a webhook or a channel. The secret of a new one is returned once.

    FORBIDDEN for a channel without the permission `integrations.write`. Refused: INVALID,
    LIMIT_EXCEEDED, NOT_FOUND for a channel or an API key, ALREADY_EXISTS for the code of an
    integration of another actor, or a channel that has an integration, ENDPOINT_REFUSED.
    """
    is_refused = await commands.is_refused(input, info.context.services.outbound)

    def to_command() -> UpsertIntegration:
        return input.to_command(is_refused=is_refused)

    return await perform_mutation(
        info, workflows.integrations.upserts.upsert, to_command, IntegrationPayload
    )


async def integration_secret_rotate(
    info: Info,
    code: _Code,
    overlap_seconds: Annotated[
        int | None,
        argument(
            description="Seconds for which the present secret remains valid: 0 to 604,800 (7 days)."
        ),
    ] = OVERLAP_DEFAULT,
) -> IntegrationPayload | None:
    """Give a webhook or a channel a new secret, which is returned once, in `secret`.

    Both secrets sign each message until the overlap ends. Refused: INVALID for the payment gateway
    and carriers, and if RESTOW_SECRETS_KEY is not set; LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.integrations.secrets.rotate,
        lambda: commands.rotate(code, overlap_seconds),
        IntegrationPayload,
    )


async def integration_pause(
    info: Info,
    code: _Code,
    note: Annotated[str, argument(description="Reason, as free text; 1 to 2,000 characters.")],
) -> IntegrationPayload | None:
    """Stop all calls of an integration. What is to be sent waits until it is resumed.

    Refused: ILLEGAL_TRANSITION if it is PAUSED or OFF, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.integrations.operations.pause,
        lambda: commands.pause(code, note),
        IntegrationPayload,
    )


async def integration_resume(info: Info, code: _Code) -> IntegrationPayload | None:
    """Allow the calls of a paused integration again. It is RECOVERING first.

    Refused: ILLEGAL_TRANSITION if it is not PAUSED, INVALID if the API key of the webhook has
    expired or is revoked, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.integrations.operations.resume,
        lambda: commands.resume(code),
        IntegrationPayload,
    )


async def integration_changed(
    info: Info,
    codes: Annotated[
        list[str] | None,
        argument(description="Only integrations with these codes, at most 100; absent: all."),
    ] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[IntegrationEvent, None]:
    """The present state of each integration, sent after each change of its status or settings.

    BAD_REQUEST for a code of which the caller may see no integration.
    """
    context, chosen = info.context, given(codes)
    await _check_codes(context, chosen or ())
    stream = context.services.objects.integrations_changed(
        codes=chosen, after=given(after), audience=context.audience
    )
    async with aclosing(stream) as events:
        async for event in events:
            found = await object_now(context, "Integration", event.subject_key)
            if found is not None:
                yield IntegrationEvent(
                    cursor=event.cursor, integration=found, replaces=event.subject_key
                )


async def _check_codes(context: Context, codes: Sequence[str]) -> None:
    if len(codes) > CODES_MAX:
        raise BadRequest(f"At most {CODES_MAX:,} codes are allowed; {len(codes):,} were sent.")
    context.renew()
    try:
        for code in codes:
            if await integration_reads.integration(*await context.opened(), code) is None:
                raise BadRequest(f"No integration {code[:100]!r} was found.")
    finally:
        await context.close()
