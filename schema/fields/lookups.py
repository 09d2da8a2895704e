"""Look-ups of one object: by id, or by the shop's own reference on a channel, never by both."""

from dataclasses import dataclass
from uuid import UUID

from domain.errors import BadRequest
from schema.fields.arguments import given
from schema.fields.node import uuid_in


@dataclass(frozen=True, slots=True)
class ByReference:
    """The object of a channel under the shop's own reference."""

    channel: str
    reference: str


def chosen(
    type_name: str,
    global_id: str | None,
    channel: str | None,
    external_reference: str | None,
) -> UUID | ByReference | None:
    """What a look-up names; None for an id that no object of the type has.

    Raises BadRequest where it names nothing, half of a reference, or two things.
    """
    by_id, code, reference = given(global_id), given(channel), given(external_reference)
    if by_id is not None and code is None and reference is None:
        return uuid_in(type_name, by_id)
    if by_id is None and code is not None and reference is not None:
        return ByReference(code, reference)
    raise BadRequest("Look it up by id, or by channel and externalReference.")
