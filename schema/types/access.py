"""Access: who the caller is, and the keys that there are."""

from datetime import datetime

import strawberry

from domain.access import Caller
from domain.errors import Forbidden
from schema.types.enums import Role
from schema.types.money import Money, money
from schema.types.node import Node, found_by
from schema.types.records import derived
from schema.types.scalars import json_of


@strawberry.type
class Viewer:
    """The caller: null channels or locations mean all of them."""

    actor: str
    role: Role
    permissions: list[str]
    channels: list[str] | None
    locations: list[str] | None

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
    """A key that acts for an actor; of its secret only the prefix is shown."""

    name: str
    actor: str
    channels: list[str] | None = derived(lambda key: json_of(key.row["channels"]))
    locations: list[str] | None = derived(lambda key: json_of(key.row["locations"]))
    refund_limit: Money | None = money("refund_limit_minor", "refund_limit_currency")
    role: Role
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
