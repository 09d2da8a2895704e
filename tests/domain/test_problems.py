import pytest

from domain.errors import Invalid
from domain.problems import Problems


def test_every_fault_is_kept_below_its_prefix_and_the_next_one_is_looked_for() -> None:
    problems = Problems()
    for place in (0, 1, 2):
        with problems.under("lines", str(place)):
            if place != 1:
                raise Invalid("At least 1 unit is needed.", field=("quantity",))
    assert [error.field for error in problems.errors] == [
        ("lines", "0", "quantity"),
        ("lines", "2", "quantity"),
    ]


def test_an_error_that_is_no_refusal_goes_on() -> None:
    problems = Problems()
    with pytest.raises(RuntimeError), problems.under("lines"):
        raise RuntimeError("a mistake of ours")
    assert problems.errors == []
