"""Inputs, commands and payloads of the mutations on shipping labels."""

from uuid import UUID

import strawberry
from strawberry import ID, UNSET

from domain.errors import NotFound
from schema.fields.arguments import given
from schema.fields.enums import LabelFormat
from schema.fields.errors import Payload, UserError
from schema.fields.node import LENGTH_MAX, NO_OBJECT, decode, required_uuid
from schema.fields.unread import stand_in
from schema.types.carriers import ShippingLabel
from workflows.carriers.commands import BuyLabel, VoidLabel
from workflows.carriers.label_subjects import COLUMNS, FULFILLMENT


@strawberry.input
class LabelBuyInput:
    """A shipping label for one parcel."""

    subject_id: ID
    """Id of a Fulfillment that has not shipped, of a Return that is AUTHORIZED or IN_TRANSIT, or of
    a Transfer that is REQUESTED.
    """
    carrier: str | None = UNSET
    """Code of a configured carrier; absent: that of the FULFILLMENT policy, else the first one."""
    service: str | None = UNSET
    """Service of the carrier; absent: that of the FULFILLMENT policy, else the service level of the
    order; STANDARD for a transfer.
    """
    format: LabelFormat | None = LabelFormat.PDF
    """File format of its document."""

    def to_command(self) -> BuyLabel:
        """The command."""
        found = decode(self.subject_id)
        if found is None or found[0] not in COLUMNS or isinstance(found[1], int):
            field = ("input", "subjectId")
            missing = NotFound("parcel", self.subject_id[:LENGTH_MAX], field=field)
            found = stand_in((FULFILLMENT, NO_OBJECT), missing, field)
        kind, key = found
        assert isinstance(key, UUID)
        return BuyLabel(
            subject=(kind, key),
            carrier=given(self.carrier),
            service=given(self.service),
            format=self.format or LabelFormat.PDF,
        )


@strawberry.type
class LabelPayload(Payload):
    """Result of a mutation on a shipping label."""

    label: ShippingLabel | None
    """The label; null if the mutation was refused."""
    replayed: bool
    user_errors: list[UserError]


def void(label_id: ID, note: str | None) -> VoidLabel:
    """The command."""
    return VoidLabel(required_uuid("ShippingLabel", label_id, "id"), given(note))
