"""Allowed characters and lengths of codes, labels and names."""

import re
import unicodedata
from typing import Final

from domain.errors import Invalid

CODE_MAX: Final = 64
NAME_MAX: Final = 255
TEXT_MAX: Final = 255
NOTE_MAX: Final = 2_000

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names: no control, surrogate, unassigned or private characters; they have no meaning to a reader.
# Labels: also no format characters or line separators. They are invisible, so two different codes
# could look the same.
_NOT_IN_NAMES: Final = frozenset({"Cc", "Cs", "Cn", "Co"})
_NOT_IN_LABELS: Final = _NOT_IN_NAMES | {"Cf", "Zl", "Zp"}


def check_code(value: str, *field: str) -> str:
    """Return a code of letters, digits, dots, dashes and underscores, or raise Invalid."""
    if len(value) > CODE_MAX or not _CODE.fullmatch(value):
        raise Invalid(
            f"A code must have 1 to {CODE_MAX} letters, digits, '.', '_' or '-' and start with a "
            "letter or digit.",
            field=field,
            details={"maximum": CODE_MAX},
        )
    return value


def check_label(value: str, *field: str, longest: int = CODE_MAX) -> str:
    """Return a label of another system: visible characters, no blank at either end; or raise
    Invalid.

    For SKUs, barcodes and categories, which come from other systems unchanged.
    """
    _check_length(value, longest, field)
    if value != value.strip():
        raise Invalid("The value must not start or end with a blank.", field=field)
    _check_characters(value, _NOT_IN_LABELS, field)
    return value


def check_name(value: str, *field: str, longest: int = NAME_MAX) -> str:
    """Return a name for people to read: any text that is not blank; or raise Invalid."""
    _check_length(value, longest, field)
    if not value.strip():
        raise Invalid("The value must not be blank.", field=field)
    _check_characters(value, _NOT_IN_NAMES, field)
    return value


def check_text(value: str | None, *field: str, longest: int = TEXT_MAX) -> None:
    """Raise Invalid for a text that is blank or too long. None, an absent text, is allowed."""
    if value is None:
        return
    _check_length(value, longest, field)
    if not value.strip():
        raise Invalid("The value must not be blank.", field=field)


def check_longest(value: str | None, *field: str, longest: int = TEXT_MAX) -> None:
    """Raise Invalid for a text that is too long. None and an empty text are allowed."""
    if value:
        _check_length(value, longest, field)


def _check_length(value: str, longest: int, field: tuple[str, ...]) -> None:
    if not 1 <= len(value) <= longest:
        raise Invalid(
            f"1 to {longest} characters are allowed; {len(value)} were sent.",
            field=field,
            details={"maximum": longest, "requested": len(value)},
        )


def _check_characters(value: str, refused: frozenset[str], field: tuple[str, ...]) -> None:
    if value.isascii() and value.isprintable():
        return
    for position, character in enumerate(value):
        if unicodedata.category(character) in refused:
            raise Invalid(
                f"Character {position + 1} (U+{ord(character):04X}) is not allowed here.",
                field=field,
                details={"position": position + 1},
            )
