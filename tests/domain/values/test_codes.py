"""Codes as people type them: the stored form, and the key by which they are compared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.orders.orders import issued_order_number
from domain.returns.states import issued_rma_number, references_named
from domain.values.codes import (
    KEY_MAX,
    ByCode,
    check_stored,
    comparison_key,
    number_key,
    same_code,
    stored_form,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BLANKS = st.text(st.sampled_from(" \t\u00a0\u2003\u3000\u200b\ufeff\u200e\u2028"), max_size=4)


@given(TEXTS)
def test_the_stored_form_is_stored_unchanged(text: str) -> None:
    stored = stored_form(text)
    assert stored_form(stored) == stored
    assert stored == unicodedata.normalize("NFC", stored)


@given(BLANKS, TEXTS, BLANKS)
def test_blanks_at_the_ends_do_not_count(before: str, text: str, after: str) -> None:
    assert stored_form(f"{before}{text}{after}") == stored_form(text)
    assert comparison_key(f"{before}{text}{after}") == comparison_key(text)


@given(TEXTS)
def test_a_key_is_its_own_key_in_every_form_of_the_code(text: str) -> None:
    key = comparison_key(text)
    assert comparison_key(key) == key
    assert comparison_key(stored_form(text)) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert comparison_key(unicodedata.normalize(form, text)) == key
    assert comparison_key(text.casefold()) == key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("TEE-M", "tee-m"),
        ("TEE-M", "ＴＥＥ－Ｍ".replace("－", "-")),
        ("Straße-1", "STRASSE-1"),
        ("Шапка", "ШАПКА"),
        ("ÉTÉ", "e\u0301te\u0301"),
        ("№5", "no5"),
        ("Σας", "ΣΑΣ"),
        ("ﬁlter", "FILTER"),
        ("\u03d2\u0301x", "\u03d3X"),
        (" A 1\u00a0", "a\u20031"),
    ],
)
def test_codes_that_are_the_same(first: str, second: str) -> None:
    assert same_code(first, second)


@pytest.mark.parametrize(("first", "second"), [("A1", "A 1"), ("O1", "01"), ("é", "e"), ("A", "А")])
def test_codes_that_differ(first: str, second: str) -> None:
    assert not same_code(first, second)


@pytest.mark.parametrize(
    "typed",
    [
        *("RMA-0123AB-CDE0F1", "rma 0l23ab cdeof1", "rmaOi23abcdeofI", " RMA–0123AB—CDE0F1\u200b"),
        "ＲＭＡ-0123ＡＢ-CDE0F1",
    ],
)
def test_an_rma_number_is_read_as_it_was_issued(typed: str) -> None:
    assert issued_rma_number(typed) == "RMA-0123AB-CDE0F1"
    assert number_key(typed) == "RMA0123ABCDE0F1"
    assert issued_rma_number(typed) in references_named(typed)


def test_an_order_number_is_read_as_it_was_issued() -> None:
    assert issued_order_number("ro1i3AB cdeof1") == "R0113AB-CDE0F1"
    assert references_named(" PO-7 ")[0] == "PO-7"


@pytest.mark.parametrize("code", ["A\x00B", "A\tB", "A\u200bB", "A\u202eB", "A\u2028B", "\x07", ""])
def test_what_cannot_be_seen_is_refused_with_its_field(code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_stored(stored_form(code), "input", "sku")
    assert refusal.value.field == ("input", "sku")


def test_a_code_that_cannot_be_stored_can_be_looked_up() -> None:
    assert comparison_key("A\0b") == comparison_key(comparison_key("A\0b")) == "a\1b"
    with pytest.raises(Invalid):
        check_stored("a\1b", "sku")


def test_a_key_too_long_for_an_index_is_refused() -> None:
    ligature = "\ufdfa"  # NFKC makes 18 characters of it
    check_stored(ligature * (KEY_MAX // 18), "sku")
    with pytest.raises(Invalid, match=f"At most {KEY_MAX} characters") as refusal:
        check_stored(ligature * (KEY_MAX // 18 + 1), "sku")
    assert refusal.value.field == ("sku",)
    check_stored(None, "sku")


def test_a_mapping_is_asked_as_people_type() -> None:
    found = ByCode(("Web", "ﬁve"), str)
    assert (found["WEB "], found.get("FIVE"), found.get("shop")) == ("Web", "ﬁve", None)
    assert "web" in found
    assert "shop" not in found
    assert list(found) == ["web", "five"]
