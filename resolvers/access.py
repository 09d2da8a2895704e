"""Access: the caller, and the keys."""

from strawberry import ID

import models.queries.reads.access as reads
import workflows.access
from schema.context import Info
from schema.errors import change
from schema.types.access import ApiKey, Viewer
from schema.types.changes.access import ApiKeyInput, ApiKeyPayload, revoke, rotate


async def viewer(info: Info) -> Viewer:
    """Who the caller is and what it may do."""
    return Viewer.of(info.context.caller)


async def api_keys(info: Info) -> list[ApiKey]:
    """All keys, newest first, revoked ones too."""
    rows = await reads.keys(*await info.context.opened())
    return [ApiKey.from_row(row, info.context) for row in rows]


async def api_key_create(info: Info, input: ApiKeyInput) -> ApiKeyPayload | None:
    """Make a key that may do and see no more than the caller's own."""
    return await change(
        info, workflows.access.create, input.to_command, ApiKeyPayload, api_key="ApiKey"
    )


async def api_key_rotate(
    info: Info, id: ID, overlap_seconds: int | None = 0
) -> ApiKeyPayload | None:
    """Put a new key in a key's place; the old one works a while longer."""
    return await change(
        info,
        workflows.access.rotate,
        lambda: rotate(id, overlap_seconds),
        ApiKeyPayload,
        api_key="ApiKey",
    )


async def api_key_revoke(info: Info, id: ID) -> ApiKeyPayload | None:
    """End a key now."""
    return await change(
        info, workflows.access.revoke, lambda: revoke(id), ApiKeyPayload, api_key="ApiKey"
    )
