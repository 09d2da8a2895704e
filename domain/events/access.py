"""Events of API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.access.callers import Role
from domain.events.payloads import ApiKeyId, EventPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPayload(EventPayload):
    """The payload of every event of an API key."""

    subject_type: ClassVar[str] = "ApiKey"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    role: Role
    actor: str
    """The actor that the key acts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCreated(KeyPayload):
    """An API key was created."""

    type: ClassVar[str] = "key.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(KeyPayload):
    """An API key got a successor."""

    type: ClassVar[str] = "key.rotated"

    successor: ApiKeyId | None
    """The new key. Null: recorded by an earlier version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(KeyPayload):
    """An API key was revoked."""

    type: ClassVar[str] = "key.revoked"
