"""Events of integrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from domain.events.payloads import EventPayload
from domain.integrations.states import IntegrationKind, IntegrationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationPayload(EventPayload):
    """The payload of every event of an integration."""

    subject_type: ClassVar[str] = "Integration"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    code: str
    kind: IntegrationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationUpserted(IntegrationPayload):
    """An integration was created or changed."""

    type: ClassVar[str] = "integration.upserted"

    created: bool
    """True if the integration is new."""
    changed: tuple[str, ...]
    """Names of the changed fields, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSecretRotated(IntegrationPayload):
    """An integration got a new secret."""

    type: ClassVar[str] = "integration.secret_rotated"

    generation: int
    """Number of the secret, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationStatusPayload(IntegrationPayload):
    """The payload of an event of a new status."""

    before: IntegrationStatus
    """The status until now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationHealthy(IntegrationStatusPayload):
    """An integration is HEALTHY."""

    type: ClassVar[str] = "integration.healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDegraded(IntegrationStatusPayload):
    """An integration is DEGRADED: calls fail or are slow, or messages wait."""

    type: ClassVar[str] = "integration.degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDown(IntegrationStatusPayload):
    """An integration is DOWN: it is called by probes only."""

    type: ClassVar[str] = "integration.down"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRecovering(IntegrationStatusPayload):
    """An integration is RECOVERING: it answers again, or was resumed."""

    type: ClassVar[str] = "integration.recovering"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationPaused(IntegrationStatusPayload):
    """An integration is PAUSED: it is not called."""

    type: ClassVar[str] = "integration.paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationOff(IntegrationStatusPayload):
    """An integration is OFF: it was switched off, or left the settings."""

    type: ClassVar[str] = "integration.off"


STATUS_EVENTS: Final[dict[IntegrationStatus, type[IntegrationStatusPayload]]] = {
    IntegrationStatus.HEALTHY: IntegrationHealthy,
    IntegrationStatus.DEGRADED: IntegrationDegraded,
    IntegrationStatus.DOWN: IntegrationDown,
    IntegrationStatus.RECOVERING: IntegrationRecovering,
    IntegrationStatus.PAUSED: IntegrationPaused,
    IntegrationStatus.OFF: IntegrationOff,
}
