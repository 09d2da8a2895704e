"""Reads of policies: all versions, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from domain.policies.policies import parse_scope
from domain.values.codes import same_code
from models.database.sessions import Session
from models.policies import PolicyRow
from models.queries.listing.paging import Listing, SortKey, by_key
from models.queries.listing.scopes import Scope

POLICIES_MAX = 5_000
_PUBLISHED = SortKey("p.published_at", "published_at", "instant")
_ID = SortKey("p.id", "id", "uuid")


def _is_visible(scope: Scope, row: PolicyRow) -> bool:
    """True if the policy is global, or for a channel or location that the caller may see."""
    named = parse_scope(row["scope"])
    return (named.channel is None or scope.names_channel(named.channel)) and (
        named.location is None or scope.names_location(named.location)
    )


async def policies(
    session: Session, scope: Scope, *, kind: str | None, policy_scope: str | None
) -> Sequence[PolicyRow]:
    """Policy versions by kind and scope, newest first."""
    listing = Listing(PolicyRow, "p.*", "policy p", _PUBLISHED, _ID).equal("p.kind", kind)
    if policy_scope is not None:
        known = await session.fetch("SELECT DISTINCT scope FROM policy")
        scopes = [row["scope"] for row in known if same_code(row["scope"], policy_scope)]
        listing.where("p.scope = ANY({}::text[])", scopes)
    return await listing.whole(session, POLICIES_MAX, "policies", partial(_is_visible, scope))


async def policies_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, PolicyRow]:
    """Policies by id, if the caller may see them."""
    rows = await session.rows(
        PolicyRow, "SELECT * FROM policy WHERE id = ANY($1::uuid[])", list(ids)
    )
    return by_key([row for row in rows if _is_visible(scope, row)], "id")
