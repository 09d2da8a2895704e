"""Look-ups of one object: by id, or by its reference in the shop on a channel."""

from dataclasses import dataclass
from uuid import UUID

from domain.errors import BadRequest
from schema.fields.arguments import given
from schema.fields.node import uuid_in


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
