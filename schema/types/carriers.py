"""Carriers: their events about parcels, and shipping labels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from models.carriers import ShippingLabelRow
from schema.context import Info
from schema.fields.edges import edge
from schema.fields.enums import CarrierStatus, LabelFormat, LabelStatus
from schema.fields.money import Money
from schema.fields.node import Node, found_by, load
from server.projection.contexts import OperationContext
from server.projection.records import derived, made


def _subject(row: Mapping[str, Any]) -> tuple[str, UUID | None]:
    """The type and the key of a label's or an event's parcel."""
    if row["fulfillment_id"] is not None:
        return "Fulfillment", row["fulfillment_id"]
    if row["transfer_id"] is not None:
        return "Transfer", row["transfer_id"]
    return "Return", row["return_id"]


@found_by(lambda loaders: loaders.carrier_events)
@strawberry.type
class CarrierEvent(Node):
    """A carrier's report about a parcel."""

    carrier: str
    tracking_number: str
    status: CarrierStatus
    occurred_at: datetime
    """Time of the report, as the carrier states it."""
    recorded_at: datetime
    """Time at which it arrived."""

    @strawberry.field
    async def subject(self, info: Info) -> Node | None:
        """The parcel: a Fulfillment, a Return or a Transfer; null: none has this number yet."""
        found: Node | None = await load(info.context, *_subject(self.row))
        return found


def _cost(row: ShippingLabelRow, context: OperationContext) -> Money | None:
    return Money.of_optional(row["cost_minor"], row["currency"]) if _sees_cost(context) else None


def _sees_cost(context: OperationContext) -> bool:
    return context.caller.may_see_cost()


@found_by(lambda loaders: loaders.labels)
@strawberry.type
class ShippingLabel(Node):
    """A shipping label for one parcel, bought from a carrier.

    A parcel has at most one label that is REQUESTED, UNKNOWN or BOUGHT.
    """

    status: LabelStatus
    carrier: str
    """Code of the carrier, as in the setting RESTOW_CARRIERS."""
    service: str
    """Service of the carrier."""
    tracking_number: str | None
    """Null until it is bought."""
    cost: Money | None = derived(lambda label: _cost(label.row, label.context))
    """Price of the carrier; null until it is bought, and if not visible to the role."""
    format: LabelFormat
    """File format of the document."""
    document: str | None = edge(
        lambda loaders: loaders.label_documents, "id", made(lambda _, content: content)
    )
    """The file in base64; null until the label is bought, and after the time for which documents
    are kept.
    """
    failure: str | None
    """Reason why it was not bought or not voided, or why its document was not kept; null: none."""
    created_at: datetime
    settled_at: datetime | None
    """Time of the status BOUGHT, FAILED or VOIDED; null in others."""

    @strawberry.field
    async def subject(self, info: Info) -> Node:
        """The parcel that it is for: a Fulfillment, a Return or a Transfer."""
        found: Node = await load(info.context, *_subject(self.row))
        return found
