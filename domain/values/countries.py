"""Country codes of addresses and locations."""

from __future__ import annotations

from domain.errors import Invalid

COUNTRY_MESSAGE = "A country is a code of two capital letters (ISO 3166), such as GB."


def is_country(code: str) -> bool:
    """True if `code` has the form of an ISO 3166 code: two capital letters."""
    return len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()


def check_country(code: str | None, *field: str) -> None:
    """Raise Invalid at `field` unless `code` has the form of a country code; None passes."""
    if code is not None and not is_country(code):
        raise Invalid(COUNTRY_MESSAGE, field=field)
