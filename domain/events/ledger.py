"""Events of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.events.payloads import EventPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodClosed(EventPayload):
    """The books were closed up to an instant."""

    type: ClassVar[str] = "period.closed"
    subject_type: ClassVar[str] = "Period"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    through: datetime
    """The last instant that is closed."""
