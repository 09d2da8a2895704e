"""The caller, and queries and mutations on API keys."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.access as access_reads
import workflows.access.actors
import workflows.access.api_keys
from models.queries.listing.whole_lists import whole_list
from schema.context import Info
from schema.fields.arguments import given
from schema.fields.enums import Role
from schema.mutations.access import ApiKeyInput, ApiKeyPayload, revoke, rotate
from schema.mutations.perform import perform_mutation
from schema.types.access import ApiKey, Permission, Viewer, catalog
from schema.types.actors import Actor, Wanted
from server.projection.list_sizes import PAGE_MAX, sized

ACTORS_MAX = 5_000


async def viewer(info: Info) -> Viewer:
    """The caller: its role, permissions and scope. UNAUTHENTICATED without an API key."""
    return Viewer.of(info.context.caller)


@sized(PAGE_MAX)
async def permissions(info: Info) -> list[Permission]:
    """All permissions with the roles that have each, by name."""
    return catalog()


@sized(PAGE_MAX)
async def api_keys(info: Info) -> list[ApiKey]:
    """All API keys, newest first, including expired and revoked ones. Secrets are not returned."""
    rows = await access_reads.keys(*await info.context.opened())
    return [ApiKey.from_row(row, info.context) for row in rows]


@sized(PAGE_MAX)
async def actors(
    info: Info,
    role: Annotated[Role | None, argument(description="Only actors with this role.")] = UNSET,
    location: Annotated[
        str | None,
        argument(description="Only actors that see the location with this code."),
    ] = UNSET,
    active: Annotated[
        bool | None,
        argument(description="False: only actors without a live key. Default: with one."),
    ] = UNSET,
) -> list[Actor]:
    """Actors that can be assigned: those with a live key, and the system; by name.

    A key with a scope sees the actors whose keys reach into it.
    """
    context = info.context
    found = await workflows.access.actors.actors(await context.session(), context.now)
    wanted = Wanted(given(role), given(location), given(active) is not False, context.caller)
    shown = whole_list([each for each in found if wanted.takes(each)], ACTORS_MAX, "actors")
    return [Actor.of(each, context.caller) for each in shown]


async def api_key_create(info: Info, input: ApiKeyInput) -> ApiKeyPayload | None:
    """Create an API key. Its text is returned once, in `secret`.

    Refused: GRANT_EXCEEDED for a refund limit above the caller's own, INVALID for a role with more
    permissions or a wider scope than the caller's, NOT_FOUND for a channel or location that the
    caller does not see.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.create, input.to_command, ApiKeyPayload
    )


async def api_key_rotate(
    info: Info,
    id: ID,
    overlap_seconds: Annotated[
        int | None,
        argument(
            description="Seconds for which the old key remains valid: 0 to 2,592,000 (30 days)."
        ),
    ] = 0,
) -> ApiKeyPayload | None:
    """Replace an API key by a new one with the same actor, role, scope and refund limit.

    The text of the new key is returned once, in `secret`. The old key remains valid for
    `overlapSeconds`. Refused: ILLEGAL_TRANSITION if the old key is revoked or expired,
    LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.rotate, lambda: rotate(id, overlap_seconds), ApiKeyPayload
    )


async def api_key_revoke(info: Info, id: ID) -> ApiKeyPayload | None:
    """Revoke an API key now. Its open connections are closed within 5 seconds.

    Refused: ILLEGAL_TRANSITION if the key is revoked or expired, or is the last ADMIN key without a
    limited scope; NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.access.api_keys.revoke, lambda: revoke(id), ApiKeyPayload
    )
