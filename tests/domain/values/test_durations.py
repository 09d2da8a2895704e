from datetime import timedelta

import pytest

import domain.values.durations as durations


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P30D", timedelta(days=30)),
        ("PT24H", timedelta(hours=24)),
        ("P0D", timedelta(0)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT0S", timedelta(0)),
    ],
)
def test_fixed_lengths_are_read(text: str, length: timedelta) -> None:
    assert durations.parse(text) == length


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "30D", "P1M", "P1Y", "P-1D", "-P1D", "P1.5D", "PT1,5H", "p1d"),
        *("P1D ", "P1H", "PT1D", "P1W1D", "P\u0661D", "P99999D", "PT999999999S", "P1D\n"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|days"):
        durations.parse(text)
