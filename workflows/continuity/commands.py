"""Commands about playbooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.values.codes import stored_form


@dataclass(frozen=True, slots=True)
class StartPlaybook:
    """Start a playbook. The lists restrict its measures; None: all.

    `units`: in place of the policy's. `is_dry_run`: count only, and change nothing.
    """

    playbook: str
    reason: str
    channels: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None
    skus: tuple[str, ...] | None = None
    carriers: tuple[str, ...] | None = None
    units: int | None = None
    ends_at: datetime | None = None
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        for name in ("channels", "locations", "skus", "carriers"):
            codes = getattr(self, name)
            if codes is not None:
                object.__setattr__(self, name, tuple(map(stored_form, codes)))


@dataclass(frozen=True, slots=True)
class EndPlaybook:
    """End a run of a playbook. `note` gives the reason."""

    run_id: UUID
    note: str
