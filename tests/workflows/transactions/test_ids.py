"""Ids: UUID version 7, ascending even if the clock is not."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from workflows.transactions.ids import Ids, unguessable


def test_an_id_is_of_version_7_and_says_when_it_was_made() -> None:
    instant = 1_767_225_600_123_456_789
    made = Ids(lambda: instant)()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == instant // 1_000_000


@given(st.lists(st.integers(min_value=0, max_value=2**60), min_size=2, max_size=50))
def test_each_id_is_above_the_one_before(readings: list[int]) -> None:
    clock = iter(readings)
    ids = Ids(lambda: next(clock))
    made = [ids() for _ in readings]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {each.version for each in made} == {7}


def test_a_thousand_in_one_instant_ascend() -> None:
    ids = Ids(lambda: 1_767_225_600_000_000_000)
    made = [ids() for _ in range(10_000)]
    assert made == sorted(made)
    assert len({each.int & (1 << 62) - 1 for each in made}) == len(made)


def test_an_unguessable_id_is_of_version_4_and_never_the_same() -> None:
    made = [unguessable() for _ in range(1_000)]
    assert {(each.version, each.variant) for each in made} == {(4, "specified in RFC 4122")}
    assert len(set(made)) == len(made)
    bits = 0
    for each in made:
        bits |= each.int ^ made[0].int
    assert bits.bit_count() == 122  # the other bits are version and variant


def test_ids_are_equal_to_pythons_own() -> None:
    made = Ids()()
    same = UUID(str(made))
    assert (made, hash(made), made.bytes) == (same, hash(same), same.bytes)
