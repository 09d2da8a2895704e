"""Input and payload of the mutations on refunds."""

import strawberry
from strawberry import ID, UNSET

from schema.types.arguments import given
from schema.types.enums import Tender
from schema.types.errors import UserError
from schema.types.money import MoneyInput
from schema.types.node import required_uuid
from schema.types.refunds import Refund
from workflows.refunds import CreateRefund


@strawberry.input
class RefundCreateInput:
    """Goodwill: an amount of an order's money, beside what returns and cancellations give back."""

    order_id: ID
    amount: MoneyInput
    reason_code: str
    note: str
    return_id: ID | None = UNSET
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
class RefundPayload:
    """The refund as it is now; an amount that needs several payments opens several refunds."""

    refund: Refund | None
    refunds: list[Refund]
    replayed: bool
    user_errors: list[UserError]
