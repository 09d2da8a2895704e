"""Input and payload of the mutations on refunds."""

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.enums import Tender
from schema.fields.errors import Payload, UserError
from schema.fields.money import MoneyInput
from schema.fields.node import required_uuid
from schema.types.refunds import Refund
from workflows.refunds.refunds import CreateRefund
from workflows.refunds.unit_claims import RefundLine


@strawberry.input
class RefundLineInput:
    """Units of one order line."""

    order_line_id: ID
    quantity: int

    def to_line(self, index: int) -> RefundLine:
        """The line of the command."""
        path = ("input", "lines", str(index), "orderLineId")
        return RefundLine(required_uuid("OrderLine", self.order_line_id, *path), self.quantity)


@strawberry.input
class RefundCreateInput:
    """A refund that a person opens, in addition to refunds of returns and cancellations.

    Exactly one of `amount`, or `lines` and/or `shipping`.
    """

    order_id: ID
    reason_code: str
    """An active reason of any kind."""
    note: str
    """Reason, as free text; at most 2,000 characters."""
    return_id: ID | None = UNSET
    """A return of the order that the refund belongs to."""
    tender: Tender | None = Tender.ORIGINAL_PAYMENT
    amount: MoneyInput | None = UNSET
    """Goodwill in the order's currency, at most its `refundable`."""
    lines: list[RefundLineInput] | None = UNSET
    """Units, shipped or lost, that do not come back; with their tax."""
    shipping: bool | None = False
    """Also refund what is left of the shipping, with its tax."""

    def to_command(self) -> CreateRefund:
        """The command."""
        named, amount = given(self.return_id), given(self.amount)
        lines = given(self.lines) or ()
        return CreateRefund(
            order_id=required_uuid("Order", self.order_id, "input", "orderId"),
            amount=None if amount is None else amount.to_money("input", "amount"),
            reason_code=self.reason_code,
            note=self.note,
            return_id=None
            if named is None
            else required_uuid("Return", named, "input", "returnId"),
            tender=self.tender or Tender.ORIGINAL_PAYMENT,
            lines=tuple(line.to_line(index) for index, line in enumerate(lines)),
            shipping=bool(self.shipping),
        )


@strawberry.type
class RefundPayload(Payload):
    """The refund; null if the mutation was refused."""

    refund: Refund | None
    refunds: list[Refund]
    """All refunds that were created: one for each payment that was needed."""
    replayed: bool
    user_errors: list[UserError]
