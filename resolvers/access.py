"""Access: the caller, and the keys."""

from typing import Annotated

from strawberry import ID, argument

import models.queries.reads.access as access_reads
import workflows.access.api_keys
from schema.context import Info
from schema.mutations.access import ApiKeyInput, ApiKeyPayload, revoke, rotate
from schema.mutations.perform import perform_mutation
from schema.types.access import ApiKey, Viewer


async def viewer(info: Info) -> Viewer:
    """Who the caller is, and what its key lets it do and see. UNAUTHENTICATED without a key."""
    return Viewer.of(info.context.caller)


async def api_keys(info: Info) -> list[ApiKey]:
    """All keys, newest first, those that are over too. Never their secrets."""
    rows = await access_reads.keys(*await info.context.opened())
    return [ApiKey.from_row(row, info.context) for row in rows]


async def api_key_create(info: Info, input: ApiKeyInput) -> ApiKeyPayload | None:
    """Make a key; its text is in `secret`, once.

    Refused: GRANT_EXCEEDED for a refund limit above the caller's own, INVALID for a role that may
    do more or a wider scope, NOT_FOUND for a channel or location that the caller does not see.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.create, input.to_command, ApiKeyPayload
    )


async def api_key_rotate(
    info: Info,
    id: ID,
    overlap_seconds: Annotated[
        int | None,
        argument(description="How long the old key still works: 0 to 2,592,000 (30 days)."),
    ] = 0,
) -> ApiKeyPayload | None:
    """Make a key's successor, for the same actor, role, scope and limit; its text is in `secret`,
    once.

    The old key works for `overlapSeconds` more. Refused: ILLEGAL_TRANSITION where it is over
    already, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.rotate, lambda: rotate(id, overlap_seconds), ApiKeyPayload
    )


async def api_key_revoke(info: Info, id: ID) -> ApiKeyPayload | None:
    """End a key now; its open sockets are closed within 5 seconds.

    Refused: ILLEGAL_TRANSITION where it is over already, or is the last ADMIN key that reaches
    everything; NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.revoke, lambda: revoke(id), ApiKeyPayload
    )
