"""The units of a difference, by hand and for all numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counts.postings import Posting, split


@pytest.mark.parametrize(
    ("missing", "variance", "posting"),
    [
        (0, 0, Posting(found=0, gone=0, surplus=0, deficit=0)),
        (0, 3, Posting(found=0, gone=0, surplus=3, deficit=0)),
        (0, -3, Posting(found=0, gone=0, surplus=0, deficit=3)),
        # Two units were not found by a picker. They are all there:
        (2, 0, Posting(found=2, gone=0, surplus=0, deficit=0)),
        # One is there, and the other is gone:
        (2, -1, Posting(found=1, gone=1, surplus=0, deficit=0)),
        (2, -2, Posting(found=0, gone=2, surplus=0, deficit=0)),
        # Both are gone, and three more:
        (2, -5, Posting(found=0, gone=2, surplus=0, deficit=3)),
        # Both are there, and four more:
        (2, 4, Posting(found=2, gone=0, surplus=4, deficit=0)),
    ],
)
def test_a_difference_is_split(missing: int, variance: int, posting: Posting) -> None:
    assert split(missing, variance) == posting


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 120))
def test_the_books_have_what_was_counted(shelf: int, missing: int, counted: int) -> None:
    posting = split(missing, counted - shelf - missing)
    assert min(posting.found, posting.gone, posting.surplus, posting.deficit) >= 0
    assert posting.found + posting.gone == missing
    assert not (posting.surplus and posting.deficit)
    assert posting.deficit <= shelf
    assert shelf + posting.found + posting.surplus - posting.deficit == counted
    assert posting.variance == counted - shelf - missing
