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
    """A new API key. Its permissions and scope cannot exceed those of the caller's key."""

    name: str
    """Name for people; at most 255 characters."""
    role: Role
    actor: str | None = UNSET
    """Person or system that the key acts for; absent: its name."""
    channels: list[str] | None = UNSET
    """Codes of the channels in its scope; absent: all."""
    locations: list[str] | None = UNSET
    """Codes of the locations in its scope; absent: all.

    Orders, holds and returns made by its actor are visible to it at any location.
    """
    refund_limit: MoneyInput | None = UNSET
    """Largest total of refunds of one order that its actor may approve with this key, in this
    currency only; absent: the limit of the role.
    """
    expires_at: datetime | None = UNSET
    """End of validity; absent: unlimited."""

    def to_command(self) -> CreateKey:
        """The command."""
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
    """The command."""
    return RotateKey(required_uuid("ApiKey", key_id, "id"), overlap_seconds or 0)


def revoke(key_id: ID) -> RevokeKey:
    """The command."""
    return RevokeKey(required_uuid("ApiKey", key_id, "id"))


@strawberry.type
class ApiKeyPayload(Payload):
    """The API key, and its text if it is new."""

    api_key: ApiKey | None
    replayed: bool
    user_errors: list[UserError]
    secret: str | None = None
    """Text of the key, to be sent as `Authorization: Bearer …`. It is returned only once; null in a
    replay.
    """
