"""Inputs and payload of the mutations on API keys."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from domain.access.api_keys import CreateKey, RevokeKey, RotateKey
from schema.fields.arguments import given
from schema.fields.enums import Role
from schema.fields.errors import Payload, UserError
from schema.fields.money import MoneyInput
from schema.fields.node import required_uuid
from schema.types.access import ApiKey


@strawberry.input
class ApiKeyInput:
    """A key to make. It can do and see no more than the key that makes it."""

    name: str
    """For people."""
    role: Role
    actor: str | None = UNSET
    """The person or system that it acts for; absent: its name."""
    channels: list[str] | None = UNSET
    """Codes of the channels that it reaches; absent: all."""
    locations: list[str] | None = UNSET
    """Codes of the locations that it reaches; absent: all.

    An order, hold or return that its actor made exists for it wherever the units lie.
    """
    refund_limit: MoneyInput | None = UNSET
    """The largest refund that it may approve, in this currency alone; absent: the role's own."""
    expires_at: datetime | None = UNSET
    """It does not work from here on; absent: it lasts."""

    def to_command(self) -> CreateKey:
        """The command. Raises Invalid for the limit's amount."""
        channels, locations = given(self.channels), given(self.locations)
        limit = given(self.refund_limit)
        return CreateKey(
            name=self.name,
            role=self.role,
            actor=given(self.actor),
            channels=None if channels is None else tuple(channels),
            locations=None if locations is None else tuple(locations),
            refund_limit=None if limit is None else limit.to_money("input", "refundLimit"),
            expires_at=given(self.expires_at),
        )


def rotate(key_id: ID, overlap_seconds: int | None) -> RotateKey:
    """The command. Raises NotFound."""
    return RotateKey(required_uuid("ApiKey", key_id, "id"), overlap_seconds or 0)


def revoke(key_id: ID) -> RevokeKey:
    """The command. Raises NotFound."""
    return RevokeKey(required_uuid("ApiKey", key_id, "id"))


@strawberry.type
class ApiKeyPayload(Payload):
    """The key as it is now, and its text where it is new."""

    api_key: ApiKey | None
    replayed: bool
    user_errors: list[UserError]
    secret: str | None = None
    """The whole key, to be sent as `Authorization: Bearer …`. Shown once, never again: null in a
    replay.
    """
