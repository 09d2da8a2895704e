"""Look-ups of one object: by id, or by its reference in the shop on a channel."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.errors import BadRequest
from schema.fields.arguments import given
from schema.fields.node import uuid_in

SEARCH_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class ByReference:
    """The reference of an object in the shop, on a channel."""

    channel: str
    reference: str


def chosen(
    type_name: str,
    global_id: str | None,
    channel: str | None,
    external_reference: str | None,
) -> UUID | ByReference | None:
    """The key or reference of a look-up; None for an id that no object of the type has.

    Raises BadRequest for neither, for both, and for half of a reference.
    """
    by_id, code, reference = given(global_id), given(channel), given(external_reference)
    if by_id is not None and code is None and reference is None:
        return uuid_in(type_name, by_id)
    if by_id is None and code is not None and reference is not None:
        return ByReference(code, reference)
    raise BadRequest("Send either id, or channel and externalReference.")


def check_alone(name: str, *others: str | None) -> None:
    """Raise BadRequest if any of the other arguments of a look-up was sent beside `name`."""
    if any(given(other) is not None for other in others):
        raise BadRequest(f"Send {name} alone, or other arguments without it.")


def search_text(text: str | None) -> str | None:
    """The text of an exact search; None for an absent or blank one. Raises BadRequest."""
    if text is None or not text.strip():
        return None
    if len(text) > SEARCH_MAX:
        raise BadRequest(
            f"search: at most {SEARCH_MAX} characters are allowed; {len(text):,} were sent."
        )
    return text
