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
    """Units that should go back: of an order line by its id, or of a SKU, which is matched to order
    lines in their order.
    """

    quantity: int
    reason_code: str
    """An active reason of kind RETURN."""
    order_line_id: ID | None = UNSET
    sku: str | None = UNSET
    evidence: list[str] | None = UNSET
    """Addresses of pictures and papers, each with `#sha256=` and 64 hexadecimal digits behind it
    where known.
    """

    def to_item(self, *field: str) -> RequestedItem:
        """An item of the command. Raises NotFound."""
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
    """A request for units of one order, named by `orderId`, or by `channel` and
    `orderExternalReference`.
    """

    items: list[ReturnRequestItemInput]
    order_id: ID | None = UNSET
    channel: str | None = UNSET
    """Its code."""
    order_external_reference: str | None = UNSET
    """The shop's own reference of the order."""
    carrier: str | None = UNSET
    tracking_number: str | None = UNSET
    """Of the parcel, where it is on its way already."""
    customer_note: str | None = UNSET
    """What the customer wrote."""
    requested_at: datetime | None = UNSET
    """When the customer asked; absent: now. At most 5 minutes ahead, and 24 hours back without the
    permission `backdate`.
    """

    def to_command(self) -> RequestReturn:
        """The command. Raises NotFound."""
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
    """Units that lay in a parcel."""

    sku: str
    quantity: int
    return_item_id: ID | None = UNSET
    """Those of the return that they are; absent: matched by SKU."""

    def to_item(self, *field: str) -> ReceivedItem:
        """An item of the command. Raises NotFound."""
        group = given(self.return_item_id)
        named = (
            None if group is None else required_uuid("ReturnItem", group, *field, "returnItemId")
        )
        return ReceivedItem(self.sku, self.quantity, named)


@strawberry.input
class ReturnReceiveInput:
    """A parcel that came, named by `returnId`, else `rmaNumber`, else `trackingNumber`.

    Where none of them matches, its units go into quarantine and UNIDENTIFIED_PARCEL is opened.
    """

    location_code: str
    """Where it came."""
    items: list[ReturnReceiveItemInput]
    return_id: ID | None = UNSET
    rma_number: str | None = UNSET
    tracking_number: str | None = UNSET
    complete: bool | None = False
    """True: nothing more is coming, what is still EXPECTED is MISSING."""
    exception_id: ID | None = UNSET
    """An UNIDENTIFIED_PARCEL that turned out to be this return's: its units move from quarantine.
    Without items, all that is left in it.
    """

    def to_command(self) -> ReceiveReturn:
        """The command. Raises NotFound."""
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
        )


@strawberry.input
class InspectionFindingInput:
    """What an inspector found on units."""

    return_item_id: ID
    quantity: int
    """Fewer than the item has: these become an item of their own."""
    condition: ConditionGrade
    note: str | None = UNSET
    evidence: list[str] | None = UNSET
    """Addresses of pictures and papers, each with `#sha256=` and 64 hexadecimal digits behind it
    where known.
    """
    disposition: Disposition | None = UNSET
    """What is to become of them; absent: the DISPOSITION policy decides. Another choice than the
    policy's may need SUPERVISOR.
    """

    def to_finding(self, *field: str) -> Finding:
        """A finding of the command. Raises NotFound."""
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
    """Findings on units of one return."""

    return_id: ID
    findings: list[InspectionFindingInput]

    def to_command(self) -> InspectReturn:
        """The command. Raises NotFound."""
        return InspectReturn(
            return_id=required_uuid("Return", self.return_id, "input", "returnId"),
            findings=tuple(
                finding.to_finding("input", "findings", str(position))
                for position, finding in enumerate(self.findings)
            ),
        )


@strawberry.input
class DispositionInput:
    """What becomes of inspected units."""

    return_item_id: ID
    quantity: int
    """Fewer than the item has: these become an item of their own."""
    disposition: Disposition
    note: str | None = UNSET

    def to_command(self) -> DisposeReturnItem:
        """The command. Raises NotFound."""
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
    """The return as it is now; null where the change was refused, or no return was found for a
    parcel.
    """

    return_: Return | None = strawberry.field(name="return")
    exception: OperationalException | None
    """What the parcel opened: RETURN_DISCREPANCY or UNIDENTIFIED_PARCEL; null: nothing."""
    replayed: bool
    user_errors: list[UserError]
