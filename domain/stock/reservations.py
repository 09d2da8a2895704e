"""Holds (reservations): states, expiry, and limits of duration and quantity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller
from domain.errors import LimitExceeded, ReservationAlreadyExpired


class ReservationStatus(StrEnum):
    """Status of a hold."""

    HELD = "HELD"
    """Its units are reserved until `expiresAt`."""
    COMMITTED = "COMMITTED"
    """An order took its units."""
    RELEASED = "RELEASED"
    """Released before `expiresAt`."""
    EXPIRED = "EXPIRED"
    """Past `expiresAt`; its units may be promised to others."""


RESERVATION_TRANSITIONS: Final[Mapping[ReservationStatus, frozenset[ReservationStatus]]] = (
    MappingProxyType(
        {
            ReservationStatus.HELD: frozenset(
                {
                    ReservationStatus.COMMITTED,
                    ReservationStatus.RELEASED,
                    ReservationStatus.EXPIRED,
                }
            ),
            ReservationStatus.COMMITTED: frozenset(),
            ReservationStatus.RELEASED: frozenset(),
            ReservationStatus.EXPIRED: frozenset(),
        }
    )
)


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """Limits from the settings; times in seconds, the share in percent."""

    ttl_max: int = 86_400
    anonymous_ttl_max: int = 3_600
    age_factor: int = 4
    anonymous_holds_max: int = 5
    anonymous_units_max: int = 20
    anonymous_share: int = 25


def status_at(status: ReservationStatus, expires_at: datetime, now: datetime) -> ReservationStatus:
    """The status that readers must see at `now`: a hold is EXPIRED from `expires_at` on."""
    is_over = status is ReservationStatus.HELD and now >= expires_at
    return ReservationStatus.EXPIRED if is_over else status


def check_ttl(ttl_seconds: int, caller: Caller, limits: HoldLimits) -> None:
    """Raise LimitExceeded (field `ttlSeconds`) unless the caller may hold for `ttl_seconds`."""
    longest = limits.anonymous_ttl_max if caller.is_anonymous else limits.ttl_max
    nearest = min(max(ttl_seconds, 1), longest)
    if ttl_seconds != nearest:
        raise LimitExceeded("ttlSeconds", nearest, ttl_seconds, field=("ttlSeconds",))


def extended_until(
    created_at: datetime,
    first_ttl_seconds: int,
    expires_at: datetime,
    ttl_seconds: int,
    now: datetime,
    limits: HoldLimits,
) -> datetime:
    """The new expiry of a live hold, `ttl_seconds` from `now`; never earlier than the current one.

    Raises ReservationAlreadyExpired from `expires_at` on. Raises LimitExceeded (field `ttlSeconds`)
    if the hold's total age would exceed `age_factor` times its first ttl.
    """
    if now >= expires_at:
        raise ReservationAlreadyExpired(expires_at)
    end = max(expires_at, now + timedelta(seconds=ttl_seconds))
    oldest = created_at + timedelta(seconds=limits.age_factor * first_ttl_seconds)
    if end > oldest:
        left = max(0, int((oldest - now).total_seconds()))
        raise LimitExceeded("ttlSeconds", left, ttl_seconds, field=("ttlSeconds",))
    return end


def check_anonymous_address(live_holds: int, limits: HoldLimits) -> None:
    """Raise LimitExceeded if an address with `live_holds` may not create one more."""
    if live_holds >= limits.anonymous_holds_max:
        raise LimitExceeded("holdsPerAddress", limits.anonymous_holds_max, live_holds + 1)


def check_anonymous_units(
    requested: int, held_by_address: int, held_by_all: int, atp: int, limits: HoldLimits
) -> None:
    """Raise LimitExceeded (field `quantity`) if callers without a key would hold too much.

    All counts are units of one SKU in live holds made without a key: `held_by_address` of this
    network address, `held_by_all` of all addresses together. `atp` is what the channel may sell
    besides these.
    """
    room = max(0, limits.anonymous_units_max - held_by_address)
    if requested > room:
        raise LimitExceeded("unitsPerAddress", room, requested, field=("quantity",))
    room = max(0, anonymous_allowance(atp, held_by_all, limits) - held_by_all)
    if requested > room:
        raise LimitExceeded("unitsWithoutKey", room, requested, field=("quantity",))


def anonymous_allowance(atp: int, held_by_all: int, limits: HoldLimits) -> int:
    """Units of a SKU that all callers without a key may hold together: a share, at least one."""
    return max(1, (atp + held_by_all) * limits.anonymous_share // 100)
