"""Active measures of playbooks, as decisions obey them.

Measures are overlays. A decision reads the active ones after its locks and applies them to what it
has read; nothing that they change is stored. So nothing is left of a measure when it ends. The
measures of several runs add up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.policies.continuity import MeasureKind
from domain.values.codes import comparison_key

_K = MeasureKind


class Limit(StrEnum):
    """A restriction of a run, under its name in the API."""

    CHANNELS = "channels"
    LOCATIONS = "locations"
    SKUS = "skus"
    CARRIERS = "carriers"


_L = Limit
# The restrictions that decisions under a measure know. A measure is not restricted by the others.
LIMITS: Final[Mapping[MeasureKind, frozenset[Limit]]] = MappingProxyType(
    {
        _K.BUFFER: frozenset({_L.CHANNELS, _L.LOCATIONS, _L.SKUS}),
        _K.KEEP_SHOWN: frozenset({_L.CHANNELS, _L.LOCATIONS, _L.SKUS}),
        _K.STOP_SALE: frozenset({_L.CHANNELS, _L.LOCATIONS, _L.SKUS}),
        _K.QUARANTINE: frozenset({_L.LOCATIONS, _L.SKUS}),
        _K.HOLD_PARCELS: frozenset({_L.CHANNELS, _L.LOCATIONS, _L.SKUS}),
        _K.HOLD_REFUNDS: frozenset({_L.CHANNELS, _L.SKUS}),
        _K.REVIEW_RETURNS: frozenset({_L.CHANNELS, _L.SKUS}),
        _K.CLOSE_LOCATION: frozenset({_L.CHANNELS, _L.LOCATIONS}),
        _K.CAP_LOCATION: frozenset({_L.LOCATIONS}),
        _K.DELAY_PROMISES: frozenset({_L.CHANNELS, _L.LOCATIONS}),
        _K.MANUAL_LABELS: frozenset({_L.CHANNELS, _L.LOCATIONS, _L.CARRIERS}),
    }
)
# Measures for which a job changes rows when they start and when they end.
MOVED_BY_JOB: Final = frozenset({_K.QUARANTINE, _K.HOLD_PARCELS, _K.CLOSE_LOCATION})


def keys_or_all(codes: Iterable[str] | None) -> frozenset[str] | None:
    """The comparison keys of codes; None stays None: all."""
    return None if codes is None else frozenset(map(comparison_key, codes))


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of a run that has started. The restrictions are comparison keys; None: all."""

    kind: MeasureKind
    units: int
    run_id: UUID
    playbook: str
    ends_at: datetime | None = None
    channels: frozenset[str] | None = None
    locations: frozenset[str] | None = None
    skus: frozenset[str] | None = None
    carriers: frozenset[str] | None = None

    def is_active_at(self, now: datetime) -> bool:
        """True until its end."""
        return self.ends_at is None or now < self.ends_at

    def concerns(
        self,
        *,
        channel: str | None = None,
        location: str | None = None,
        sku: str | None = None,
        carrier: str | None = None,
    ) -> bool:
        """True if no restriction leaves these codes out; a code of None is not compared."""
        return (
            _takes(self.channels, channel)
            and _takes(self.locations, location)
            and _takes(self.skus, sku)
            and _takes(self.carriers, carrier)
        )


def _takes(keys: frozenset[str] | None, code: str | None) -> bool:
    return keys is None or code is None or comparison_key(code) in keys


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """The active measures, oldest first."""

    every: tuple[Measure, ...] = ()
    _by_kind: Mapping[MeasureKind, tuple[Measure, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[MeasureKind, list[Measure]] = {}
        for each in self.every:
            found.setdefault(each.kind, []).append(each)
        by_kind = {kind: tuple(measures) for kind, measures in found.items()}
        object.__setattr__(self, "_by_kind", by_kind)

    def __bool__(self) -> bool:
        return bool(self.every)

    def of(self, kind: MeasureKind) -> tuple[Measure, ...]:
        """The measures of a kind, oldest first."""
        return self._by_kind.get(kind, ())

    def at(self, now: datetime) -> Measures:
        """Those that have not ended at `now`; the same object if all are."""
        if all(each.is_active_at(now) for each in self.every):
            return self
        return Measures(tuple(each for each in self.every if each.is_active_at(now)))

    def next_end(self, now: datetime) -> datetime | None:
        """The first instant after `now` at which one of them ends; None: none ends by the clock."""
        ends = (each.ends_at for each in self.every if each.ends_at is not None)
        return min((end for end in ends if end > now), default=None)

    def buffer(self, channel: str, locations: Collection[str], sku: str) -> int:
        """Units of a SKU that a channel with these locations may not sell."""
        return sum(
            each.units
            for each in self.of(_K.BUFFER)
            if each.concerns(channel=channel, sku=sku) and _meets(each.locations, locations)
        )

    def is_stopped(self, channel: str, location: str, sku: str) -> bool:
        """True if the channel may not sell the SKU from the location, held units included."""
        return any(
            each.concerns(channel=channel, location=location, sku=sku)
            for each in self.of(_K.STOP_SALE)
        )

    def quarantining(self, location: str, sku: str) -> Measure | None:
        """The oldest measure by which available units go to quarantine; None: there is none."""
        taking = self.of(_K.QUARANTINE)
        return next((m for m in taking if m.concerns(location=location, sku=sku)), None)

    def is_withheld(self, channel: str, location: str, sku: str) -> bool:
        """True if available units of the SKU at the location may not be promised to the channel."""
        return (
            self.is_stopped(channel, location, sku) or self.quarantining(location, sku) is not None
        )

    def closing(self, channel: str, location: str) -> Measure | None:
        """The measure that closes a location for a channel; None: it is open."""
        closed = self.of(_K.CLOSE_LOCATION)
        return next((m for m in closed if m.concerns(channel=channel, location=location)), None)

    def cap(self, location: str) -> int | None:
        """Parcels that a location may get per day; None: no measure limits them."""
        caps = [m.units for m in self.of(_K.CAP_LOCATION) if m.concerns(location=location)]
        return min(caps, default=None)

    def delay_days(self, channel: str, location: str) -> int:
        """Days by which new promises of a channel's location are later."""
        return sum(
            each.units
            for each in self.of(_K.DELAY_PROMISES)
            if each.concerns(channel=channel, location=location)
        )

    def reviewing(self, channel: str, skus: Iterable[str]) -> Measure | None:
        """The measure by which people decide a return of these SKUs; None: there is none."""
        reviews = [m for m in self.of(_K.REVIEW_RETURNS) if m.concerns(channel=channel)]
        asked = list(skus) if reviews else []
        return next((m for m in reviews if any(m.concerns(sku=sku) for sku in asked)), None)

    def without_labels(self, channel: str, location: str, carrier: str | None) -> Measure | None:
        """The measure by which no label of the carrier is bought; None: it may be bought.

        `carrier` None: any.
        """
        manual = self.of(_K.MANUAL_LABELS)
        found = (m for m in manual if m.concerns(channel=channel, location=location))
        return next((m for m in found if m.concerns(carrier=carrier)), None)


def _meets(keys: frozenset[str] | None, codes: Iterable[str]) -> bool:
    return keys is None or any(comparison_key(code) in keys for code in codes)


NO_MEASURES: Final = Measures()


_NOTES: Final[Mapping[MeasureKind, str]] = MappingProxyType(
    {
        _K.BUFFER: "Each channel keeps {units} units of each SKU.",
        _K.KEEP_SHOWN: "Other channels leave up to {units} units of each SKU that is still shown.",
        _K.STOP_SALE: "Nothing is promised; orders that wait are served afterwards.",
        _K.QUARANTINE: "Available units go to quarantine and come back afterwards.",
        _K.HOLD_PARCELS: "Parcels that have not left are on hold.",
        _K.HOLD_REFUNDS: "Approved refunds are paid afterwards, in the order of their approval.",
        _K.REVIEW_RETURNS: "People decide returns; two inspectors grade each unit.",
        _K.CLOSE_LOCATION: "Unpicked parcels leave from elsewhere, or are on hold.",
        _K.CAP_LOCATION: "Each location gets at most {units} parcels a day.",
        _K.DELAY_PROMISES: "New promises are {units} days later.",
        _K.MANUAL_LABELS: "No label is bought.",
    }
)


def note_of(kind: MeasureKind, units: int | None) -> str:
    """A measure in one sentence, for people."""
    return _NOTES[kind].format(units=units)
