"""Codes of items that a scanner reads: GTINs, GS1 strings and codes of one's own.

1. Codes of 8, 12, 13 and 14 digits are GTINs. They are compared with 14 digits, so that an EAN-13
   and the same number as a GTIN-14 are one code.
2. A GS1 string counts as the GTIN in its application identifier 01. It begins with a symbology
   identifier such as `]C1`, contains the separator FNC1 (character 29), writes its identifiers in
   brackets, or begins with 01 and a GTIN whose check digit is right.
3. Other codes are compared as all codes are (domain/values/codes.py).

Source: GS1 General Specifications, sections 3.2 (lengths of application identifiers) and 7.9
(check digits).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from domain.catalog.commands import GivenCode
from domain.errors import Invalid, LimitExceeded
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key
from domain.values.texts import CODE_MAX

GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
UNITS_PER_CODE_MAX: Final = 100_000
CODES_MAX: Final = 50

_SEPARATOR: Final = "\x1d"
_SYMBOLOGY: Final = re.compile(r"\][A-Za-z]\d")
_BRACKETED: Final = re.compile(r"\(01\)(\d{14})")
_BEGINS_WITH_GTIN: Final = re.compile(r"01(\d{14})")
# Characters of an identifier and its value where the first two digits fix them; the others end at
# a separator.
_LENGTHS: Final = {
    **dict.fromkeys(("00",), 20),
    **dict.fromkeys(("01", "02", "03"), 16),
    **dict.fromkeys(("04",), 18),
    **{str(number): 8 for number in range(11, 20)},
    **dict.fromkeys(("20",), 4),
    **{str(number): 10 for number in range(31, 37)},
    **dict.fromkeys(("41",), 16),
}


def scan_key(code: str) -> str:
    """The key by which codes of items are compared and found."""
    gtin = _gtin_in_gs1(code)
    if gtin is not None:
        return gtin
    key = comparison_key(code)
    return key.zfill(14) if _is_gtin(key) else key


def check_codes(codes: Sequence[GivenCode], problems: Problems) -> None:
    """Collect the faults of a list of codes: its length, each code, its units, and repetitions."""
    with problems.under("codes"):
        if len(codes) > CODES_MAX:
            raise LimitExceeded("codes", CODES_MAX, len(codes))
    keys: set[str] = set()
    for index, given in enumerate(codes[:CODES_MAX]):
        with problems.under("codes", str(index)):
            check_stored(given.code, "code", longest=CODE_MAX)
            if (key := scan_key(given.code)) in keys:
                raise Invalid(f"{given.code} is in the list twice.", field=("code",))
            keys.add(key)
        with problems.under("codes", str(index)):
            if not 1 <= given.units <= UNITS_PER_CODE_MAX:
                raise Invalid(
                    f"1 to {UNITS_PER_CODE_MAX} units are allowed; {given.units} were sent.",
                    field=("units",),
                    details={"minimum": 1, "maximum": UNITS_PER_CODE_MAX, "requested": given.units},
                )


def check_digit(digits: str) -> int:
    """The check digit that follows these digits: weights 3 and 1 from the right, modulo 10."""
    weighted = (int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(digits[::-1]))
    return -sum(weighted) % 10


def check_gtin(code: str, *field: str) -> None:
    """Raise Invalid for a code with the length of a GTIN whose check digit is wrong."""
    key = comparison_key(code)
    if not _is_gtin(key) or (right := check_digit(key[:-1])) == int(key[-1]):
        return
    raise Invalid(
        f"The check digit of {code} is wrong: {key[:-1]} is followed by {right}.",
        field=field,
        details={"expected": f"{key[:-1]}{right}"},
    )


def _is_gtin(key: str) -> bool:
    return len(key) in GTIN_LENGTHS and key.isascii() and key.isdigit()


def _gtin_in_gs1(code: str) -> str | None:
    """The GTIN of a GS1 string; None if the code is not one, or has no GTIN."""
    text = code.strip(" \t\r\n")
    bracketed = _BRACKETED.search(text)
    if bracketed is not None:
        return bracketed[1]
    marked = _SYMBOLOGY.match(text)
    if marked is not None or _SEPARATOR in text:
        return _element(text[marked.end() if marked else 0 :].lstrip(_SEPARATOR))
    begins = _BEGINS_WITH_GTIN.match(text)
    if begins is not None and check_digit(begins[1][:-1]) == int(begins[1][-1]):
        return begins[1]
    return None


def _element(text: str) -> str | None:
    """The value of identifier 01 in concatenated element strings."""
    while text:
        length = _LENGTHS.get(text[:2])
        if length is None:
            text = text.partition(_SEPARATOR)[2]
            continue
        element, text = text[:length], text[length:].lstrip(_SEPARATOR)
        if element.startswith("01") and len(element) == length and element[2:].isdigit():
            return element[2:]
    return None
