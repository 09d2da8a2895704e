from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.access.callers as callers
import domain.stock.reservations as reservations
from domain.access.callers import Role
from domain.errors import LimitExceeded, ReservationAlreadyExpired
from domain.stock.reservations import RESERVATION_TRANSITIONS, HoldLimits, ReservationStatus

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMITS = HoldLimits()
ANYBODY = callers.anonymous("192.0.2.1", frozenset({"web"}))
SHOP = callers.holder(Role.STOREFRONT, actor="shop")


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def test_a_hold_is_over_at_its_end_to_the_instant() -> None:
    before = reservations.status_at(ReservationStatus.HELD, NOW, NOW - timedelta(microseconds=1))
    assert before is ReservationStatus.HELD
    at = reservations.status_at(ReservationStatus.HELD, NOW, NOW)
    assert at is ReservationStatus.EXPIRED
    for status in set(ReservationStatus) - {ReservationStatus.HELD}:
        assert reservations.status_at(status, NOW, NOW + seconds(1)) is status


def test_only_a_live_hold_goes_anywhere() -> None:
    assert set(RESERVATION_TRANSITIONS) == set(ReservationStatus)
    for status, nexts in RESERVATION_TRANSITIONS.items():
        assert bool(nexts) == (status is ReservationStatus.HELD)


@pytest.mark.parametrize(
    ("ttl", "nearest_without_key", "nearest_with_key"),
    [(0, 1, 1), (-5, 1, 1), (3_601, 3_600, 3_601), (86_401, 3_600, 86_400), (10**9, 3_600, 86_400)],
)
def test_a_hold_is_neither_endless_nor_empty(
    ttl: int, nearest_without_key: int, nearest_with_key: int
) -> None:
    for caller, nearest in ((ANYBODY, nearest_without_key), (SHOP, nearest_with_key)):
        if nearest == ttl:
            reservations.check_ttl(ttl, caller, LIMITS)
            continue
        with pytest.raises(LimitExceeded) as refusal:
            reservations.check_ttl(ttl, caller, LIMITS)
        assert (refusal.value.allowed, refusal.value.field) == (nearest, ("ttlSeconds",))


def test_extending_counts_from_now_and_never_shortens() -> None:
    end = reservations.extended_until(NOW, 900, NOW + seconds(900), 900, NOW + seconds(600), LIMITS)
    assert end == NOW + seconds(1_500)
    end = reservations.extended_until(NOW, 900, NOW + seconds(900), 10, NOW + seconds(600), LIMITS)
    assert end == NOW + seconds(900)


def test_a_hold_never_grows_older_than_four_times_its_first_ttl() -> None:
    at, end = NOW + seconds(3_000), NOW + seconds(3_100)
    assert reservations.extended_until(NOW, 900, end, 600, at, LIMITS) == NOW + seconds(3_600)
    with pytest.raises(LimitExceeded) as refusal:
        reservations.extended_until(NOW, 900, end, 601, at, LIMITS)
    assert refusal.value.details == {"limit": "ttlSeconds", "allowed": 600, "requested": 601}


def test_what_is_over_is_not_extended() -> None:
    with pytest.raises(ReservationAlreadyExpired):
        reservations.extended_until(NOW, 900, NOW + seconds(900), 900, NOW + seconds(900), LIMITS)


def test_an_address_has_five_holds_and_twenty_units_without_a_key() -> None:
    reservations.check_anonymous_address(4, LIMITS)
    with pytest.raises(LimitExceeded):
        reservations.check_anonymous_address(5, LIMITS)
    reservations.check_anonymous_units(20, 0, 0, 1_000, LIMITS)
    reservations.check_anonymous_units(1, 19, 19, 1_000, LIMITS)
    with pytest.raises(LimitExceeded) as refusal:
        reservations.check_anonymous_units(2, 19, 19, 1_000, LIMITS)
    assert refusal.value.allowed == 1


def test_all_without_a_key_together_hold_a_quarter_or_one_unit() -> None:
    reservations.check_anonymous_units(1, 0, 0, 1, LIMITS)
    reservations.check_anonymous_units(5, 0, 20, 80, LIMITS)
    for requested, held, atp in ((1, 1, 1), (6, 20, 80), (2, 0, 3)):
        with pytest.raises(LimitExceeded):
            reservations.check_anonymous_units(requested, 0, held, atp, LIMITS)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 20), max_size=60))
def test_however_many_ask_they_never_pass_their_share(stock: int, wishes: list[int]) -> None:
    held = 0
    for wish in wishes:
        try:
            reservations.check_anonymous_units(wish, 0, held, stock - held, LIMITS)
        except LimitExceeded:
            continue
        if held + wish <= stock:
            held += wish
    assert held <= max(1, stock // 4)
