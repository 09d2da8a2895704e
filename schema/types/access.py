"""Types of access: the caller, the catalog of permissions, and API keys."""

from collections.abc import Iterator
from datetime import datetime

import strawberry

import domain.access.permissions as permissions
from domain.access.callers import ROLE_PERMISSIONS, Caller
from domain.errors import Forbidden
from models.queries.reads.access import ShownKeyRow
from schema.fields.enums import Role
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from server.projection.records import derived


@strawberry.type
class Viewer:
    """The caller: its role, permissions and scope."""

    actor: str
    """Person or system that the key acts for. Changes are recorded with this name."""
    role: Role
    permissions: list[str]
    """Names of all permissions of the role."""
    channels: list[str] | None
    """Codes of the channels in the scope of the key; null: all."""
    locations: list[str] | None
    """Codes of the locations in the scope of the key; null: all."""

    @staticmethod
    def of(caller: Caller) -> "Viewer":
        """The viewer of a caller. Raises Forbidden without an API key."""
        if caller.role is None:
            raise Forbidden("viewer needs an API key: Authorization: Bearer KEY.")
        return Viewer(
            actor=caller.actor,
            role=caller.role,
            permissions=sorted(caller.permissions),
            channels=None if caller.channels is None else sorted(caller.channels),
            locations=None if caller.locations is None else sorted(caller.locations),
        )


@strawberry.type
class Permission:
    """A right that a role has or lacks; what no role has is refused."""

    name: str
    """A noun and a verb: `orders.place`."""
    roles: list[Role]
    """Roles that have it."""
    fields: list[str]
    """Fields of the root types that require it: `Mutation.orderPlace`. Empty for a permission that
    extends what other fields do or show.
    """


def catalog() -> list[Permission]:
    """All permissions, by name."""
    return [
        Permission(
            name=name,
            roles=[role for role in Role if name in ROLE_PERMISSIONS[role]],
            fields=sorted(_fields(name)),
        )
        for name in sorted(permissions.PERMISSIONS)
    ]


def _fields(permission: str) -> Iterator[str]:
    for root, needed in (
        ("Query", permissions.QUERIES),
        ("Mutation", permissions.MUTATIONS),
        ("Subscription", permissions.SUBSCRIPTIONS),
    ):
        for field, name in needed.items():
            if name == permission:
                yield f"{root}.{field}"


def _channels(row: ShownKeyRow) -> list[str] | None:
    codes: list[str] | None = json_of(row["channels"])
    return codes


def _locations(row: ShownKeyRow) -> list[str] | None:
    codes: list[str] | None = json_of(row["locations"])
    return codes


@found_by(lambda loaders: loaders.keys)
@strawberry.type
class ApiKey(Node):
    """An API key of an actor. Only the prefix of its text is readable."""

    name: str
    actor: str
    """Person or system that the key acts for. An actor may have several keys."""
    channels: list[str] | None = derived(lambda key: _channels(key.row))
    """Codes of the channels in the scope of the key; null: all."""
    locations: list[str] | None = derived(lambda key: _locations(key.row))
    """Codes of the locations in the scope of the key; null: all."""
    refund_limit: Money | None = money("refund_limit_minor", "refund_limit_currency")
    """Largest total of refunds of one order that its actor may approve with this key, in this
    currency only; null: the limit of the role.
    """
    role: Role
    prefix: str
    """First characters of the key's text, by which people recognize it."""
    created_at: datetime
    expires_at: datetime | None
    """End of validity; null: unlimited."""
    revoked_at: datetime | None
    """Time of revocation, also by a rotation without overlap; null: not revoked."""
    last_used_at: datetime | None
    """Approximate time of the last use; null: never used."""
