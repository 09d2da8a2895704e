"""Codes, labels and names: text that both databases store and that readers can tell apart."""

import pytest

from domain.errors import Invalid
from domain.values.texts import check_code, check_label, check_name


@pytest.mark.parametrize("code", ["a", "LEEDS", "web-2", "a.b_c", "7", "x" * 64])
def test_codes(code: str) -> None:
    assert check_code(code, "code") == code


@pytest.mark.parametrize(
    "code", ["", " ", "-a", "a b", "a:b", "a,b", "*", "a\n", "é", "a\x00", "x" * 65]
)
def test_not_codes(code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_code(code, "input", "code")
    assert refusal.value.field == ("input", "code")


@pytest.mark.parametrize("label", ["85123A", "BANK CHARGES", "Größe/42", "日本", "a&b,c:d"])
def test_labels(label: str) -> None:
    assert check_label(label, "sku") == label


@pytest.mark.parametrize(
    "label", ["", " a", "a ", "a\tb", "a\u200bb", "a\u202eb", "a\x00", "\ud800", "a\u2028b"]
)
def test_not_labels(label: str) -> None:
    with pytest.raises(Invalid):
        check_label(label, "sku")


@pytest.mark.parametrize("name", ["Tee", " Tee ", "Café\u00a0table", "Zoë 👩\u200d👧", "x" * 255])
def test_names(name: str) -> None:
    assert check_name(name, "name") == name


@pytest.mark.parametrize("name", ["", "  ", "a\x00", "a\nb", "\udfff", "x" * 256])
def test_not_names(name: str) -> None:
    with pytest.raises(Invalid):
        check_name(name, "name")
