"""Commands for master data with defaults, so that a test states only the facts it is about."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.access.callers import Role, holder
from domain.catalog.commands import (
    ChannelKind,
    GivenMoney,
    UpsertChannel,
    UpsertItem,
    UpsertItems,
    UpsertLocation,
)
from domain.stock.states import LocationKind
from workflows.transactions.outcomes import Request

PLANNER = holder(Role.SUPPLY_CHAIN, actor="planner")


def gbp(amount: str) -> GivenMoney:
    """An amount in pounds, as a client sends it."""
    return GivenMoney(Decimal(amount), "GBP")


def an_item(sku: str = "TEE-M", **facts: Any) -> UpsertItem:
    return replace(UpsertItem(sku, "T-shirt, medium"), **facts)


def items(*given: UpsertItem, key: str | None = None) -> Request[UpsertItems]:
    """A request of itemsUpsert."""
    return Request(UpsertItems(given), PLANNER, key)


def a_location(code: str = "LEEDS", **facts: Any) -> Request[UpsertLocation]:
    command = UpsertLocation(code, f"{code.title()} warehouse", LocationKind.WAREHOUSE)
    return Request(replace(command, **facts), PLANNER)


def a_channel(code: str = "web", **facts: Any) -> Request[UpsertChannel]:
    """A web shop that sells in pounds and has no locations yet."""
    command = UpsertChannel(code, "Web shop", ChannelKind.STOREFRONT, "GBP", ())
    return Request(replace(command, **facts), PLANNER)
