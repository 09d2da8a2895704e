"""Inputs and payload of the mutations on returns."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.enums import ConditionGrade, Disposition
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.exceptions import OperationalException
from schema.types.returns import Return
from workflows.returns.dispositions import DisposeReturnItem
from workflows.returns.inspections import Finding, InspectReturn
from workflows.returns.receipts import ReceivedItem, ReceiveReturn
from workflows.returns.requests import RequestedItem, RequestReturn


@strawberry.input
class ReturnRequestItemInput:
    """Units to return: of an order line, by its id, or of a SKU, which is matched to the order
    lines in their order.
    """

    quantity: int
    reason_code: str
    """An active reason of kind RETURN."""
    order_line_id: ID | None = UNSET
    sku: str | None = UNSET
    evidence: list[str] | None = UNSET
    """Addresses of pictures and documents, each of at most 1,000 characters, and followed by
    `#sha256=` and 64 hexadecimal digits if known; at most 20.
    """

    def to_item(self, *field: str) -> RequestedItem:
        """An item of the command."""
        line = given(self.order_line_id)
        return RequestedItem(
            quantity=self.quantity,
            reason_code=self.reason_code,
            order_line_id=None
            if line is None
            else required_uuid("OrderLine", line, *field, "orderLineId"),
            sku=given(self.sku),
            evidence=tuple(given(self.evidence) or ()),
        )


@strawberry.input
class ReturnRequestInput:
    """A request for units of one order, identified by `orderId`, or by `channel` and
    `orderExternalReference`.
    """

    items: list[ReturnRequestItemInput]
    order_id: ID | None = UNSET
    channel: str | None = UNSET
    """Code of the channel."""
    order_external_reference: str | None = UNSET
    """Reference of the order in the shop."""
    carrier: str | None = UNSET
    tracking_number: str | None = UNSET
    """Tracking number of the parcel, if it is on its way already."""
    customer_note: str | None = UNSET
    """Text of the customer; at most 2,000 characters."""
    requested_at: datetime | None = UNSET
    """Time of the customer's request; absent: now. Not before the order's first shipment. At most
    5 minutes ahead, which counts as now; without the permission `backdate` at most 24 hours back.
    """

    def to_command(self) -> RequestReturn:
        """The command."""
        order = given(self.order_id)
        return RequestReturn(
            items=tuple(
                item.to_item("input", "items", str(position))
                for position, item in enumerate(self.items)
            ),
            order_id=None if order is None else required_uuid("Order", order, "input", "orderId"),
            channel=given(self.channel),
            order_external_reference=given(self.order_external_reference),
            carrier=given(self.carrier),
            tracking_number=given(self.tracking_number),
            customer_note=given(self.customer_note),
            requested_at=given(self.requested_at),
        )


@strawberry.input
class ReturnReceiveItemInput:
    """Units in a parcel."""

    sku: str
    """SKU, or a code of the item as a scanner reads it."""
    quantity: int
    """Units; with a code: scans."""
    return_item_id: ID | None = UNSET
    """The return item that the units belong to; absent: matched by SKU."""

    def to_item(self, *field: str) -> ReceivedItem:
        """An item of the command."""
        group = given(self.return_item_id)
        named = (
            None if group is None else required_uuid("ReturnItem", group, *field, "returnItemId")
        )
        return ReceivedItem(self.sku, self.quantity, named)


@strawberry.input
class ReturnReceiveInput:
    """A received parcel, identified by `returnId`, else `rmaNumber`, else `trackingNumber`, or by
    `orderNumber`.

    If none of them matches, its units go to quarantine and the exception UNIDENTIFIED_PARCEL is
    opened.
    """

    location_code: str
    """Code of the location that received it."""
    items: list[ReturnReceiveItemInput]
    return_id: ID | None = UNSET
    rma_number: str | None = UNSET
    tracking_number: str | None = UNSET
    complete: bool | None = False
    """True: no more units are expected; units that are still EXPECTED become MISSING."""
    exception_id: ID | None = UNSET
    """An exception UNIDENTIFIED_PARCEL whose parcel belongs to this return: its units move from
    quarantine. Without items, all its remaining units move.
    """
    bin_code: str | None = UNSET
    """Code of the bin where the units wait for their inspection: an active bin of the location.
    It is an address only; the bin does not count them. Units that go to quarantine have none.
    """
    order_number: str | None = UNSET
    """Number of the order, if the parcel names no return: instead of `returnId`, `rmaNumber`,
    `trackingNumber` and `exceptionId`. Its returns that wait take the units that they expect, the
    oldest first. If none waits, a return with the reason UNANNOUNCED is opened.
    """

    def to_command(self) -> ReceiveReturn:
        """The command."""
        named, exception = given(self.return_id), given(self.exception_id)
        return ReceiveReturn(
            location_code=self.location_code,
            items=tuple(
                item.to_item("input", "items", str(position))
                for position, item in enumerate(self.items)
            ),
            return_id=None
            if named is None
            else required_uuid("Return", named, "input", "returnId"),
            rma_number=given(self.rma_number),
            tracking_number=given(self.tracking_number),
            complete=bool(self.complete),
            exception_id=None
            if exception is None
            else required_uuid("OperationalException", exception, "input", "exceptionId"),
            bin_code=given(self.bin_code),
            order_number=given(self.order_number),
        )


@strawberry.input
class InspectionFindingInput:
    """Result of an inspection of units."""

    return_item_id: ID
    quantity: int
    """Number of units. If the item has more, these become an item of their own."""
    condition: ConditionGrade
    note: str | None = UNSET
    """Free text; at most 2,000 characters."""
    evidence: list[str] | None = UNSET
    """Addresses of pictures and documents, each of at most 1,000 characters, and followed by
    `#sha256=` and 64 hexadecimal digits if known; at most 20.
    """
    disposition: Disposition | None = UNSET
    """Disposition of the units; absent: the DISPOSITION policy decides. A disposition other than
    the policy's may need the role SUPERVISOR.
    """

    def to_finding(self, *field: str) -> Finding:
        """A finding of the command."""
        return Finding(
            return_item_id=required_uuid("ReturnItem", self.return_item_id, *field, "returnItemId"),
            quantity=self.quantity,
            condition=self.condition,
            note=given(self.note),
            evidence=tuple(given(self.evidence) or ()),
            disposition=given(self.disposition),
        )


@strawberry.input
class ReturnInspectInput:
    """Results of inspections of units of one return."""

    return_id: ID
    findings: list[InspectionFindingInput]

    def to_command(self) -> InspectReturn:
        """The command."""
        return InspectReturn(
            return_id=required_uuid("Return", self.return_id, "input", "returnId"),
            findings=tuple(
                finding.to_finding("input", "findings", str(position))
                for position, finding in enumerate(self.findings)
            ),
        )


@strawberry.input
class DispositionInput:
    """A disposition of inspected units."""

    return_item_id: ID
    quantity: int
    """Number of units. If the item has more, these become an item of their own."""
    disposition: Disposition
    note: str | None = UNSET
    """Free text; at most 2,000 characters."""

    def to_command(self) -> DisposeReturnItem:
        """The command."""
        return DisposeReturnItem(
            return_item_id=required_uuid(
                "ReturnItem", self.return_item_id, "input", "returnItemId"
            ),
            quantity=self.quantity,
            disposition=self.disposition,
            note=given(self.note),
        )


@strawberry.type
class ReturnPayload(Payload):
    """The return; null if the mutation was refused, or if the parcel matched no return."""

    return_: Return | None = strawberry.field(name="return")
    exception: OperationalException | None
    """Exception opened for the parcel, RETURN_DISCREPANCY or UNIDENTIFIED_PARCEL; null: none."""
    replayed: bool
    user_errors: list[UserError]
