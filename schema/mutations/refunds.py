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


@strawberry.input
class RefundCreateInput:
    """A goodwill refund of a part of an order's payments, in addition to refunds of returns and
    cancellations.
    """

    order_id: ID
    amount: MoneyInput
    """Amount in the order's currency, at most its `refundable`."""
    reason_code: str
    """An active reason of any kind."""
    note: str
    """Reason, as free text."""
    return_id: ID | None = UNSET
    """A return of the order that the refund belongs to."""
    tender: Tender | None = Tender.ORIGINAL_PAYMENT

    def to_command(self) -> CreateRefund:
        """The command. Raises Invalid or NotFound."""
        named = given(self.return_id)
        return CreateRefund(
            order_id=required_uuid("Order", self.order_id, "input", "orderId"),
            amount=self.amount.to_money("input", "amount"),
            reason_code=self.reason_code,
            note=self.note,
            return_id=None
            if named is None
            else required_uuid("Return", named, "input", "returnId"),
            tender=self.tender or Tender.ORIGINAL_PAYMENT,
        )


@strawberry.type
class RefundPayload(Payload):
    """The refund; null if the mutation was refused."""

    refund: Refund | None
    refunds: list[Refund]
    """All refunds that were created: one for each payment that was needed."""
    replayed: bool
    user_errors: list[UserError]
