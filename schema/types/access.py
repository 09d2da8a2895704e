"""Access: who the caller is, and the keys that there are."""

from datetime import datetime

import strawberry

from domain.access.callers import Caller
from domain.errors import Forbidden
from schema.fields.enums import Role
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from server.projection.records import derived


@strawberry.type
class Viewer:
    """Who the caller is, and what its key lets it do and see."""

    actor: str
    """The person or system that the key acts for; what is done is recorded under this name."""
    role: Role
    permissions: list[str]
    """All permissions of the role, by name."""
    channels: list[str] | None
    """Codes of the channels that the key reaches; null: all."""
    locations: list[str] | None
    """Codes of the locations that the key reaches; null: all."""

    @staticmethod
    def of(caller: Caller) -> "Viewer":
        """The holder of a key. Raises Forbidden without one."""
        if caller.role is None:
            raise Forbidden("There is no viewer without an API key.")
        return Viewer(
            actor=caller.actor,
            role=caller.role,
            permissions=sorted(caller.permissions),
            channels=None if caller.channels is None else sorted(caller.channels),
            locations=None if caller.locations is None else sorted(caller.locations),
        )


@found_by(lambda loaders: loaders.keys)
@strawberry.type
class ApiKey(Node):
    """A key that acts for an actor. Of its secret only the prefix is shown."""

    name: str
    actor: str
    """The person or system that it acts for. Several keys may act for one actor."""
    channels: list[str] | None = derived(lambda key: json_of(key.row["channels"]))
    """Codes of the channels that it reaches; null: all."""
    locations: list[str] | None = derived(lambda key: json_of(key.row["locations"]))
    """Codes of the locations that it reaches; null: all."""
    refund_limit: Money | None = money("refund_limit_minor", "refund_limit_currency")
    """The largest refund that it may approve, in this currency alone; null: the role's own."""
    role: Role
    prefix: str
    """The readable part of the key, by which people tell keys apart."""
    created_at: datetime
    expires_at: datetime | None
    """It does not work from here on; null: it lasts."""
    revoked_at: datetime | None
    """Null unless it was revoked, or rotated without an overlap."""
    last_used_at: datetime | None
    """About when it was last used; null: never."""
