"""Reads of integrations and of their secrets' generations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.integrations.states import IntegrationKind
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.integrations import IntegrationRow, IntegrationSecretRow
from models.queries.listing.paging import Listing, SortKey, by_key, grouped
from models.queries.listing.scopes import Scope
from models.queries.reads.access import is_within_scope

INTEGRATIONS_MAX = 5_000
_COLUMNS = (
    "i.id, i.code, i.kind, i.name, i.url, i.status, i.status_since_at, i.status_reasons, i.actor,"
    " i.actor_key, i.channel_id, i.events, i.ordering, i.position,"
    " k.channels AS key_channels, k.locations AS key_locations"
)
_TABLE = "integration i LEFT JOIN api_key k ON k.id = i.api_key_id"
_CREATED = SortKey("i.created_at", "created_at", "instant")
_ID = SortKey("i.id", "id", "uuid")


def _is_visible(scope: Scope, row: IntegrationRow) -> bool:
    """True if the integration exists for the caller, as `is_seen` in
    workflows/integrations/records.py decides.
    """
    if not scope.has_internals:
        is_webhook = row["kind"] == IntegrationKind.WEBHOOK
        return is_webhook and row["actor_key"] == comparison_key(scope.actor)
    if row["kind"] == IntegrationKind.WEBHOOK:
        return is_within_scope(scope, row["key_channels"], row["key_locations"])
    return scope.sees_channel(row["channel_id"])


async def integrations(
    session: Session, scope: Scope, *, kind: str | None, status: str | None
) -> Sequence[IntegrationRow]:
    """Integrations that the caller may see, newest first."""
    listing = Listing(IntegrationRow, _COLUMNS, _TABLE, _CREATED, _ID)
    listing.equal("i.kind", kind).equal("i.status", status)
    rows = await listing.whole(session, INTEGRATIONS_MAX, "integrations")
    return [row for row in rows if _is_visible(scope, row)]


async def integration(session: Session, scope: Scope, code: str) -> IntegrationRow | None:
    """The integration with a code, if the caller may see it."""
    row = await session.row(
        IntegrationRow,
        f"SELECT {_COLUMNS} FROM {_TABLE} WHERE i.code_key = $1",
        comparison_key(code),
    )
    return row if row is not None and _is_visible(scope, row) else None


async def integrations_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, IntegrationRow]:
    """Integrations by id, if the caller may see them."""
    rows = await session.rows(
        IntegrationRow,
        f"SELECT {_COLUMNS} FROM {_TABLE} WHERE i.id = ANY($1::uuid[])",
        list(ids),
    )
    return by_key([row for row in rows if _is_visible(scope, row)], "id")


async def secrets_by_integration(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[IntegrationSecretRow]]:
    """The two newest generations of each integration's secret, newest first, expired or not."""
    rows = await session.rows(
        IntegrationSecretRow,
        "SELECT s.integration_id, s.generation, s.hint, s.created_at, s.expires_at"
        " FROM integration_secret s WHERE s.integration_id = ANY($1::uuid[])"
        " AND s.generation > (SELECT max(n.generation) - 2 FROM integration_secret n"
        " WHERE n.integration_id = s.integration_id) ORDER BY s.generation DESC",
        list(ids),
    )
    return grouped(rows, "integration_id")
