"""The chart of accounts."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.stock.states import INVENTORY_STATES, StockState


class Account(StrEnum):
    """An account of the books, by its code."""

    PAYMENTS_CLEARING = "payments_clearing"
    RECEIVABLES = "receivables"
    INVENTORY = "inventory"
    INVENTORY_IN_QUALITY_CONTROL = "inventory_in_quality_control"
    INVENTORY_IN_TRANSIT = "inventory_in_transit"
    RECOVERABLE_FROM_VENDORS = "recoverable_from_vendors"
    GOODS_RECEIVED_NOT_INVOICED = "goods_received_not_invoiced"
    CARRIER_PAYABLES = "carrier_payables"
    CUSTOMER_DEPOSITS = "customer_deposits"
    REFUND_LIABILITY = "refund_liability"
    STORE_CREDIT_LIABILITY = "store_credit_liability"
    TAX_PAYABLE = "tax_payable"
    SALES = "sales"
    SALES_RETURNS = "sales_returns"
    SHIPPING_INCOME = "shipping_income"
    RESTOCKING_FEES = "restocking_fees"
    COST_OF_GOODS_SOLD = "cost_of_goods_sold"
    CARRIER_COSTS = "carrier_costs"
    INVENTORY_ADJUSTMENTS = "inventory_adjustments"
    WRITE_OFFS = "write_offs"


# Code → display name: "Cost of goods sold".
ACCOUNT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {account.value: account.value.replace("_", " ").capitalize() for account in Account}
)


def stock_account(state: StockState) -> Account:
    """The account that holds the value of units in this state."""
    if state in INVENTORY_STATES:
        return Account.INVENTORY
    return Account.INVENTORY_IN_QUALITY_CONTROL
