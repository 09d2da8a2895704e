"""Folded texts: parts are found in any alphabet, without case and accents."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadRequest
from domain.values.search_texts import (
    PART_LENGTHS,
    PARTS_MAX,
    SEARCH_MAX,
    SEPARATOR,
    folded,
    parts,
    search_term,
    search_text,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("Örebro", "Шапка зимняя Örebro"),
        ("orebro", "Шапка зимняя Örebro"),
        ("ШАПКА", "Шапка зимняя Örebro"),
        ("елка", "Ёлка"),
        ("STRASSE", "Straße"),
        ("lodz", "Łódź"),
        ("istanbul", "İstanbul"),
        ("diyarbakir", "Diyarbakır"),
        ("smørrebrød", "SMORREBROD"),
        ("ABC", "ａｂｃ"),
        ("12", "①②"),
        ("office", "oﬃce"),
        ("σασ", "ΣΑΣ"),
        ("帽", "冬季帽子"),
        ("ハ", "ﾊ"),
        ("한국", "한국"),
        ("שלום", "שָׁלוֹם"),
        ("a b", "A\u00a0\u3000b"),
        ("soft", "so\u00adft"),
        (" cap ", "cap"),
    ],
)
def test_a_part_is_found(search: str, text: str) -> None:
    assert folded(search) in folded(text)


def test_folding_is_final_and_never_contains_the_separator() -> None:
    """Every character that is assigned, alone."""
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(chr(number)) in {"Cn", "Co", "Cs"}:
            continue
        once = folded(chr(number))
        assert folded(once) == once, hex(number)
        assert SEPARATOR not in once


@given(TEXTS, TEXTS, TEXTS)
def test_a_part_of_a_text_is_found_however_it_is_written(
    before: str, part: str, after: str
) -> None:
    text = folded(f"{before} {part} {after}")
    for typed in (part, part.upper(), part.lower(), part.title(), f" {part}  "):
        if typed.casefold() == part.casefold() or typed.strip() == part.strip():
            assert folded(typed) in text


@given(st.text(min_size=1, max_size=300))
def test_the_parts_cover_the_ends_and_are_bounded(term: str) -> None:
    found = parts(term)
    assert 1 <= len(found) <= PARTS_MAX
    assert all(part in term for part in found)
    assert term.startswith(found[0])
    assert {len(part) for part in found} <= set(PART_LENGTHS)
    if len(term) >= max(PART_LENGTHS):
        assert {len(part) for part in found} == {max(PART_LENGTHS)}
        assert term[-max(PART_LENGTHS) :] in found


def test_texts_are_folded_one_by_one() -> None:
    assert search_text("TEE-M", " T-Shirt  Été", None) == "tee-m\nt-shirt ete"
    assert search_text("A", "B", "5\u00a01") == "a\nb\n5 1"


def test_a_long_search_is_refused_with_the_limit() -> None:
    assert search_term("x" * SEARCH_MAX, "search") == "x" * SEARCH_MAX
    for empty in (None, "", " \u00a0", "\u0301"):
        assert search_term(empty, "search") is None
    with pytest.raises(BadRequest, match="`search` may have at most 255 characters; 256 were sent"):
        search_term("x" * (SEARCH_MAX + 1), "search")
