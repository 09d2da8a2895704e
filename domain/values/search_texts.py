"""Folded texts, by which a search finds a part of a text in any alphabet, without case and accents.

Folding is Unicode's compatibility caseless match (definition D146), and then drops all marks:

1. Compatibility decomposition (NFKD): full width and ligatures become plain letters, and an accent
   becomes a character of its own.
2. Case folding, and the decomposition again, because folding can yield composed letters.
3. Nonspacing marks (Mn) and format characters (Cf) are dropped.
4. Letters with a stroke and joined letters, which Unicode does not decompose, become plain letters.
5. Each run of blanks becomes one blank; blanks at the ends are dropped.

A search finds a text if, and only if, the folded search is a part of the folded text.
"""

import unicodedata
from typing import Final

from domain.errors import BadRequest

SEARCH_MAX: Final = 255
# The lengths of the parts that the index of the database holds, the longest first.
PART_LENGTHS: Final = (4, 3, 2, 1)
# An index look-up names at most so many parts of a long search; the text itself decides then.
PARTS_MAX: Final = 12
# Between the texts of one object. A folded search never contains it, so it finds no part of two.
SEPARATOR: Final = "\n"

_DROPPED: Final = frozenset({"Mn", "Cf"})
_PLAIN_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"}
)


def folded(text: str) -> str:
    """A text without case, accents, width and repeated blanks."""
    if not text.isascii():
        caseless = unicodedata.normalize("NFKD", text).casefold()
        letters = unicodedata.normalize("NFKD", caseless)
        plain = "".join(each for each in letters if unicodedata.category(each) not in _DROPPED)
        text = plain.translate(_PLAIN_LETTERS)
    return " ".join(text.lower().split())


def search_text(*texts: str | None) -> str:
    """The folded texts of one object, as the database stores and indexes them."""
    return SEPARATOR.join(folded(text) for text in texts if text is not None)


def search_term(given: str | None, argument: str) -> str | None:
    """The folded search; None if it selects everything. Raises BadRequest above SEARCH_MAX."""
    if given is None:
        return None
    if len(given) > SEARCH_MAX:
        raise BadRequest(
            f"`{argument}` may have at most {SEARCH_MAX} characters; {len(given)} were sent."
        )
    return folded(given) or None


def parts(term: str) -> tuple[str, ...]:
    """The parts of a folded search that are looked up, all of the longest length that it has.

    At most PARTS_MAX parts, spread evenly from its start to its end.
    """
    length = next(each for each in PART_LENGTHS if each <= len(term))
    last = len(term) - length
    count = min(last + 1, PARTS_MAX)
    starts = (round(each * last / max(count - 1, 1)) for each in range(count))
    return tuple(dict.fromkeys(term[start : start + length] for start in starts))
