"""References to evidence: address of a photograph or document, and its SHA-256 digest.

The evidence itself stays where it is. Its digest proves later that it has not changed. A reference
is written as one text: `https://…/photo.jpg#sha256=<64 hexadecimal digits>`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.errors import Invalid, LimitExceeded
from domain.values.texts import check_label

ADDRESS_MAX: Final = 1_000
REFERENCES_MAX: Final = 20
MARK: Final = "#sha256="

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """An address and, if given, the SHA-256 of the content there, in hexadecimal."""

    address: str
    sha256: str | None = None

    def __str__(self) -> str:
        return self.address if self.sha256 is None else f"{self.address}{MARK}{self.sha256}"


def parse(text: str, *field: str) -> Reference:
    """Parse a reference. Raises Invalid for an empty or too long address or a malformed digest."""
    address, mark, digest = text.rpartition(MARK)
    if not mark:
        return Reference(check_label(text, *field, longest=ADDRESS_MAX))
    if not _DIGEST.fullmatch(digest.lower()):
        raise Invalid("A SHA-256 digest must have 64 hexadecimal digits.", field=field)
    return Reference(check_label(address, *field, longest=ADDRESS_MAX), digest.lower())


def parse_all(texts: Sequence[str], *field: str) -> tuple[Reference, ...]:
    """Parse several references, without duplicates. Raises Invalid, or LimitExceeded above the
    maximum.
    """
    if len(texts) > REFERENCES_MAX:
        raise LimitExceeded("evidence", REFERENCES_MAX, len(texts), field=field)
    found = (parse(text, *field, str(position)) for position, text in enumerate(texts))
    return tuple(dict.fromkeys(found))


def merged(known: Iterable[Reference], more: Iterable[Reference]) -> tuple[Reference, ...]:
    """Both sequences without duplicates, in the order given."""
    return tuple(dict.fromkeys((*known, *more)))
