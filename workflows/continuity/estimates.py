"""Number of things that each measure affects at the moment at which it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import models.queries.catalog.lookups as lookups
import models.queries.continuity.counts as counts
from domain.policies.continuity import MeasureKind
from domain.routing.shipping_calendar import start_of_day, zone_of
from domain.values.codes import keys_of
from models.database.sessions import Session
from models.queries.continuity.counts import Restriction
from workflows.transactions.transaction import Transaction

_K = MeasureKind
_COUNTS: Final[Mapping[MeasureKind, Callable[[Session, Restriction], Awaitable[int]]]] = (
    MappingProxyType(
        {
            _K.BUFFER: counts.skus,
            _K.KEEP_SHOWN: counts.skus,
            _K.STOP_SALE: counts.skus,
            _K.DELAY_PROMISES: counts.skus,
            _K.REVIEW_RETURNS: counts.skus,
            _K.QUARANTINE: counts.available_units,
            _K.HOLD_PARCELS: counts.parcels_to_hold,
            _K.HOLD_REFUNDS: counts.refunds_to_hold,
            _K.CLOSE_LOCATION: counts.parcels_to_move,
        }
    )
)


async def count(tx: Transaction, kind: MeasureKind, of: Restriction) -> int:
    """The number of units, parcels, refunds, labels or SKUs that a measure would affect now."""
    if kind is _K.CAP_LOCATION:
        return await _parcels_today(tx, of)
    if kind is _K.MANUAL_LABELS:
        carriers = None if of.carriers is None else keys_of(of.carriers)
        return await counts.labels_to_stop(tx.session, replace(of, carriers=carriers))
    return await _COUNTS[kind](tx.session, of)


async def _parcels_today(tx: Transaction, of: Restriction) -> int:
    """Parcels that the locations of a run got today, each by its own day."""
    channels = await lookups.all_channels(tx.session)
    places = {place.id: place for channel in channels for place in channel.locations}
    total = 0
    for place in places.values():
        if of.location_ids is None or place.id in of.location_ids:
            start = start_of_day(tx.now, zone_of(place.time_zone))
            here = replace(of, location_ids=[place.id])
            total += await counts.parcels_since(tx.session, here, start)
    return total
