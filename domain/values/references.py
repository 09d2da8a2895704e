"""References to evidence: where a photograph or document lies, and the fingerprint it must have.

The evidence itself stays where it is. With its SHA-256, anybody can prove later that it is still
what was seen. Written as one text: `https://…/photo.jpg#sha256=<64 hexadecimal digits>`.
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
    """An address and, where it was given, the SHA-256 of what lies there, in hexadecimal."""

    address: str
    sha256: str | None = None

    def __str__(self) -> str:
        return self.address if self.sha256 is None else f"{self.address}{MARK}{self.sha256}"


def parse(text: str, *field: str) -> Reference:
    """Read a reference. Raises Invalid for an empty or overlong address and a malformed digest."""
    address, mark, digest = text.rpartition(MARK)
    if not mark:
        return Reference(check_label(text, *field, longest=ADDRESS_MAX))
    if not _DIGEST.fullmatch(digest.lower()):
        raise Invalid("A SHA-256 is written in 64 hexadecimal digits.", field=field)
    return Reference(check_label(address, *field, longest=ADDRESS_MAX), digest.lower())


def parse_all(texts: Sequence[str], *field: str) -> tuple[Reference, ...]:
    """Read several, each once. Raises Invalid, or LimitExceeded above REFERENCES_MAX."""
    if len(texts) > REFERENCES_MAX:
        raise LimitExceeded("evidence", REFERENCES_MAX, len(texts), field=field)
    found = (parse(text, *field, str(position)) for position, text in enumerate(texts))
    return tuple(dict.fromkeys(found))


def merged(known: Iterable[Reference], more: Iterable[Reference]) -> tuple[Reference, ...]:
    """Both, each once, in the order in which they were given."""
    return tuple(dict.fromkeys((*known, *more)))
