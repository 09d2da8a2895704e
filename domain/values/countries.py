"""Countries, as addresses and locations name them."""

from __future__ import annotations

from domain.errors import Invalid

COUNTRY_WORDS = "A country is two capital letters of ISO 3166, such as GB."


def is_country(code: str) -> bool:
    """Whether this is written as a country is."""
    return len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()


def check_country(code: str | None, *field: str) -> None:
    """Raise Invalid at `field` for what is not written as a country is; None is none."""
    if code is not None and not is_country(code):
        raise Invalid(COUNTRY_WORDS, field=field)
