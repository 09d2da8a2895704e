"""CONTINUITY policy: health of integrations, and the playbooks that people may start.

A playbook names the measures that it takes. A measure is an overlay: decisions obey it while it is
active, and it changes no master data (domain/continuity/measures.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.integrations.limits import DEFAULT_HEALTH, HealthRules
from domain.policies.reading import Members, Value

UNITS_MAX: Final = 1_000_000_000
DAYS_MAX: Final = 365
PLAYBOOKS_MAX: Final = 100
FAILURES_MAX: Final = 1_000
# The kinds of integrations for which measures may be taken by themselves.
DOWN_KINDS: Final = ("CHANNEL", "PAYMENTS", "CARRIER")


class MeasureKind(StrEnum):
    """A measure of a playbook: its run may be restricted to channels, locations, SKUs, carriers."""

    BUFFER = "BUFFER"
    """Channels may sell `units` fewer of each SKU."""
    KEEP_SHOWN = "KEEP_SHOWN"
    """Other channels leave the units that a channel still shows, at most `units` of each SKU."""
    STOP_SALE = "STOP_SALE"
    """Nothing is promised: no hold is made, and orders take no units. They are served afterwards.
    """
    QUARANTINE = "QUARANTINE"
    """Available units go to quarantine, and come back when the playbook ends."""
    HOLD_PARCELS = "HOLD_PARCELS"
    """Parcels that have not left are on hold."""
    HOLD_REFUNDS = "HOLD_REFUNDS"
    """Approved refunds are not paid out. They are paid afterwards, in the order of their approval.
    """
    REVIEW_RETURNS = "REVIEW_RETURNS"
    """People decide returns; nothing skips inspection, and two inspectors grade each unit."""
    CLOSE_LOCATION = "CLOSE_LOCATION"
    """Locations promise nothing and get no orders; their open parcels leave from elsewhere."""
    CAP_LOCATION = "CAP_LOCATION"
    """Locations get at most `units` parcels a day."""
    DELAY_PROMISES = "DELAY_PROMISES"
    """New promises are `units` days later."""
    MANUAL_LABELS = "MANUAL_LABELS"
    """No label is bought."""


class UnitRange(NamedTuple):
    """The least and the most units that a measure takes."""

    least: int
    most: int


# Measures with a number of units; the others are just taken.
UNITS: Final[Mapping[MeasureKind, UnitRange]] = MappingProxyType(
    {
        MeasureKind.BUFFER: UnitRange(1, UNITS_MAX),
        MeasureKind.KEEP_SHOWN: UnitRange(1, UNITS_MAX),
        MeasureKind.CAP_LOCATION: UnitRange(0, UNITS_MAX),
        MeasureKind.DELAY_PROMISES: UnitRange(1, DAYS_MAX),
    }
)
# Measures that move or hold goods. Without SKUs they would stop a whole shop by one mistake.
MOVING: Final = frozenset({MeasureKind.QUARANTINE})


class EndBy(StrEnum):
    """Actors that may end a playbook."""

    ANY = "ANY"
    """Any actor with the permission."""
    OTHER = "OTHER"
    """Another actor than the one that started it."""


@dataclass(frozen=True, slots=True)
class Playbook:
    """Measures that are taken together. None: a measure without units."""

    measures: Mapping[MeasureKind, int | None]
    end_by: EndBy = EndBy.ANY


@dataclass(frozen=True, slots=True)
class DownRule:
    """Measures for an integration that is DOWN, once it has been so for `after`."""

    after: timedelta
    measures: Mapping[MeasureKind, int | None]


@dataclass(frozen=True, slots=True)
class ContinuityRules:
    """A parsed CONTINUITY policy. `on_down`: by kind of integration; absent: nothing is done."""

    health: HealthRules
    on_down: Mapping[str, DownRule]
    playbooks: Mapping[str, Playbook]


def parse(rules: Value) -> ContinuityRules:
    """Parse a CONTINUITY document; raises its faults with their paths."""
    return rules.record(
        lambda members: ContinuityRules(
            health=members.get("health", _health, DEFAULT_HEALTH),
            on_down=members.get("onDown", _on_down, {}),
            playbooks=members.get("playbooks", _playbooks, {}),
        ),
        optional="health onDown playbooks",
    )


def _health(value: Value) -> HealthRules:
    found = value.record(
        _health_rules,
        optional="degradedErrorRate downErrorRate failuresInARow slow backlog",
    )
    if found.down_error_rate < found.degraded_error_rate:
        value.member("downErrorRate").refuse("must not be below degradedErrorRate")
    return found


def _health_rules(members: Members) -> HealthRules:
    default = DEFAULT_HEALTH
    return HealthRules(
        degraded_error_rate=members.get(
            "degradedErrorRate", Value.rate, default.degraded_error_rate
        ),
        down_error_rate=members.get("downErrorRate", Value.rate, default.down_error_rate),
        failures_in_a_row=members.get(
            "failuresInARow", lambda each: each.integer(1, FAILURES_MAX), default.failures_in_a_row
        ),
        slow=members.get("slow", Value.positive_duration, default.slow),
        backlog=members.get("backlog", Value.positive_duration, default.backlog),
    )


def _on_down(value: Value) -> Mapping[str, DownRule]:
    return value.record(
        lambda members: {
            kind: members.read(kind, _down_rule) for kind in DOWN_KINDS if kind in members.json
        },
        optional=" ".join(DOWN_KINDS),
    )


def _down_rule(value: Value) -> DownRule:
    kinds = [kind for kind in MeasureKind if kind not in MOVING]
    rule = value.record(
        lambda members: DownRule(
            members.get("after", Value.duration, timedelta()), _measures(members)
        ),
        optional=" ".join(("after", *kinds)),
    )
    if not rule.measures:
        value.refuse("must name at least one measure")
    return rule


def _playbooks(value: Value) -> Mapping[str, Playbook]:
    found = value.entries(lambda _, each: _playbook(each))
    if len(found) > PLAYBOOKS_MAX:
        value.refuse(f"has more than {PLAYBOOKS_MAX} entries")
    return found


def _playbook(value: Value) -> Playbook:
    playbook = value.record(
        lambda members: Playbook(
            _measures(members), members.get("endBy", lambda each: each.choice(EndBy), EndBy.ANY)
        ),
        optional=" ".join((*MeasureKind, "endBy")),
    )
    if not playbook.measures:
        value.refuse("must name at least one measure")
    return playbook


def _measures(members: Members) -> Mapping[MeasureKind, int | None]:
    """The measures among the members of an object, in the order of their kinds."""
    return {
        kind: members.read(kind, partial(_units, kind))
        for kind in MeasureKind
        if kind in members.json
    }


def _units(kind: MeasureKind, value: Value) -> int | None:
    units = UNITS.get(kind)
    if units is not None:
        return value.integer(*units)
    if value.json is not True:
        value.refuse("must be true; leave it out if the measure is not taken")
    return None
