"""Codes that people and other systems type: the form that is stored, and the key that compares.

SKUs, codes of locations and channels, carriers, tracking numbers, references and actors are stored
as they were given, without blanks at their ends. Two codes are the same if their keys are equal.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from domain.errors import Invalid
from domain.values.texts import TEXT_MAX, check_label

# Characters of a key. NFKC can make a text up to 18 times as long, and PostgreSQL refuses to index
# values of more than 2,704 bytes.
KEY_MAX: Final = 512

_ALIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})

T = TypeVar("T")


def stored_form(text: str) -> str:
    """The form in which a code is stored: NFC, without blanks and format characters at its ends."""
    return text.strip() if text.isascii() else _trimmed(unicodedata.normalize("NFC", text))


def comparison_key(text: str) -> str:
    """The key by which codes are compared: NFKC, case-folded, trimmed.

    It is computed again until it no longer changes: folding can produce characters that NFKC
    replaces, and NFKC can produce blanks. The key can be looked up even if `text` cannot be stored:
    PostgreSQL refuses U+0000 in any text, so U+0001 takes its place. No stored code has either.
    """
    text = text.replace("\0", "\1")
    if text.isascii():
        return text.strip().lower()
    while (key := _folded(text)) != text:
        text = key
    return key


def same_code(first: str, second: str) -> bool:
    """True if two codes are the same."""
    return first == second or comparison_key(first) == comparison_key(second)


def keys_of(codes: Iterable[str]) -> list[str]:
    """The keys of these codes, each once, in order."""
    return sorted(set(map(comparison_key, codes)))


def number_key(text: str) -> str:
    """The key of an RMA or order number: also without blanks and hyphens, O as 0, I and L as 1."""
    parts = (c for c in comparison_key(text).upper() if not c.isspace() and not _is_dash(c))
    return "".join(parts).translate(_ALIKE)


def check_stored(text: str | None, *field: str, longest: int = TEXT_MAX) -> None:
    """Raise Invalid for a code that cannot be stored. None, an absent code, is allowed.

    Control and format characters are refused: they are invisible, so two codes could look the same.
    """
    if text is None:
        return
    check_label(text, *field, longest=longest)
    if text.isascii():  # its key is not longer
        return
    length = len(comparison_key(text))
    if length > KEY_MAX:
        raise Invalid(
            f"At most {KEY_MAX} characters are allowed when ligatures are written in full; "
            f"{length} were sent.",
            field=field,
            details={"maximum": KEY_MAX, "requested": length},
        )


def store_codes(command: object, *names: str) -> None:
    """Bring these fields of a frozen command into stored form; to be called in `__post_init__`.

    A field holds a code, several codes, or no text at all, which stays as it is.
    """
    for name in names:
        given = getattr(command, name)
        if isinstance(given, str):
            stored: object = stored_form(given)
        elif isinstance(given, tuple):
            stored = tuple(map(stored_form, given))
        else:
            continue
        if stored is not given:
            object.__setattr__(command, name, stored)


class ByCode(Mapping[str, T]):
    """A mapping that is asked with codes as people type them; it iterates over keys."""

    __slots__ = ("_by_key",)

    def __init__(self, values: Iterable[T], code_of: Callable[[T], str]) -> None:
        self._by_key = {comparison_key(code_of(value)): value for value in values}

    def __getitem__(self, code: str) -> T:
        return self._by_key[comparison_key(code)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _trimmed(unicodedata.normalize("NFKC", folded))


def _trimmed(text: str) -> str:
    first, end = 0, len(text)
    while first < end and _is_blank(text[first]):
        first += 1
    while first < end and _is_blank(text[end - 1]):
        end -= 1
    return text[first:end]


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd"
