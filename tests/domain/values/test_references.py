import pytest

from domain.errors import Invalid, LimitExceeded
from domain.values.references import Reference, merged, parse, parse_all

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("photo.jpg", Reference("photo.jpg")),
        (f"https://x/1.jpg#sha256={DIGEST}", Reference("https://x/1.jpg", DIGEST)),
        (f"a#b#sha256={DIGEST.upper()}", Reference("a#b", DIGEST)),
    ],
)
def test_a_reference_is_an_address_and_its_digest(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text", ["", " x", "x#sha256=", "x#sha256=12", f"#sha256={DIGEST}", "x" * 1_001, "a\nb"]
)
def test_anything_else_is_invalid(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(text, "evidence", "0")
    assert refusal.value.field == ("evidence", "0")


def test_each_is_kept_once_and_not_too_many() -> None:
    assert parse_all(["a", "b", "a"], "evidence") == (Reference("a"), Reference("b"))
    with pytest.raises(LimitExceeded):
        parse_all(["a"] * 21, "evidence")
    known = (Reference("a"), Reference("b"))
    assert merged(known, [Reference("b"), Reference("c")]) == (*known, Reference("c"))
