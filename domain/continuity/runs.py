"""Runs of playbooks: statuses, and checks of a start and of an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller
from domain.continuity.measures import LIMITS, Limit
from domain.errors import Forbidden, IllegalTransition, Invalid, SelfApproval
from domain.policies.continuity import MOVING, UNITS, EndBy, MeasureKind, Playbook
from domain.values.codes import same_code

SKUS_MAX: Final = 1_000
PLACES_MAX: Final = 250


class PlaybookStatus(StrEnum):
    """Status of a run of a playbook."""

    STARTING = "STARTING"
    """Its measures hold; a job moves what must be moved."""
    ACTIVE = "ACTIVE"
    """Its measures hold, and all is moved."""
    ENDING = "ENDING"
    """Its measures no longer hold; a job moves back what was moved."""
    ENDED = "ENDED"
    """Nothing of it is left."""


_S = PlaybookStatus
LIVE: Final = frozenset({_S.STARTING, _S.ACTIVE})
RUN_TRANSITIONS: Final[Mapping[PlaybookStatus, frozenset[PlaybookStatus]]] = MappingProxyType(
    {
        _S.STARTING: frozenset({_S.ACTIVE, _S.ENDING}),
        _S.ACTIVE: frozenset({_S.ENDING}),
        _S.ENDING: frozenset({_S.ENDED}),
        _S.ENDED: frozenset(),
    }
)


def refuse_unknown(name: str, known: Iterable[str], *, field: tuple[str, ...]) -> Invalid:
    """The error for a playbook that the policy does not name."""
    allowed = sorted(known)
    return Invalid(
        f"The policy has no playbook {name!r}; allowed: {', '.join(allowed) or 'none'}.",
        field=field,
        details={"allowed": allowed},
    )


def check_limits(playbook: Playbook, given: Iterable[Limit]) -> Iterable[Invalid]:
    """The faults of a run's restrictions: one that no measure knows, and SKUs that are missing."""
    named = frozenset(given)
    known = frozenset(limit for kind in playbook.measures for limit in LIMITS[kind])
    for limit in Limit:
        if limit in named and limit not in known:
            yield Invalid(
                f"No measure of the playbook is restricted by {limit}; allowed:"
                f" {', '.join(each for each in Limit if each in known) or 'none'}.",
                field=(limit,),
                details={"allowed": [each for each in Limit if each in known]},
            )
    moving = sorted(playbook.measures.keys() & MOVING)
    if moving and Limit.SKUS not in named:
        yield Invalid(f"SKUs are required: {', '.join(moving)} moves units.", field=(Limit.SKUS,))


def measures_with(playbook: Playbook, units: int | None) -> Mapping[MeasureKind, int | None]:
    """The measures of a playbook with these units in place of its own.

    Raises Invalid (field `units`) if it has no measure with units, or they are out of range.
    """
    if units is None:
        return playbook.measures
    counted = [kind for kind in playbook.measures if kind in UNITS]
    if not counted:
        raise Invalid("No measure of the playbook has units.", field=("units",))
    for kind in counted:
        least, most = UNITS[kind]
        if not least <= units <= most:
            raise Invalid(
                f"{kind} takes {least} to {most} units; {units} were sent.",
                field=("units",),
                details={"minimum": least, "maximum": most, "requested": units},
            )
    return {kind: units if kind in UNITS else None for kind in playbook.measures}


def check_reach(kinds: Iterable[MeasureKind], caller: Caller) -> None:
    """Raise Forbidden if a measure would reach beyond the channels or locations of the caller.

    A measure that does not know a restriction of the run is taken for all channels, or locations.
    """
    for kind in kinds:
        for limit, own in ((Limit.CHANNELS, caller.channels), (Limit.LOCATIONS, caller.locations)):
            if own is not None and limit not in LIMITS[kind]:
                raise Forbidden(
                    f"{caller.actor} may start and end playbooks only for its own {limit};"
                    f" {kind} is taken for all {limit}."
                )


def check_end(status: PlaybookStatus, end_by: EndBy, started_by: str, actor: str) -> None:
    """Raise IllegalTransition or SelfApproval unless the actor may end a run now."""
    if status not in LIVE:
        allowed = RUN_TRANSITIONS[status]
        raise IllegalTransition("run", status, PlaybookStatus.ENDING, allowed, field=("id",))
    if end_by is EndBy.OTHER and same_code(started_by, actor):
        raise SelfApproval(actor, "started", field=("id",))
