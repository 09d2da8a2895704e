"""FULFILLMENT policies: the orders that they hold, in words, and the carriers that they choose."""

from datetime import timedelta
from typing import Any

import pytest

import domain.policies.policies as policies
from domain.policies.fulfillments import (
    AddressField,
    CarrierChoice,
    FulfillmentRules,
    OrderFacts,
)
from domain.policies.policies import PolicyKind
from domain.values.money import Money
from tests.domain.policies.fulfillment_documents import DOCUMENT

H = PolicyKind.FULFILLMENT


def read(document: Any) -> FulfillmentRules:
    rules = policies.parse_rules(H, document)
    assert isinstance(rules, FulfillmentRules)
    return rules


def an_order(minor: int = 1, currency: str = "GBP", **facts: Any) -> OrderFacts:
    address = facts.get("address", tuple(AddressField))
    return OrderFacts(Money(minor, currency), facts.get("is_paid", False), address)


def test_fulfillment_rules_are_read() -> None:
    rules = read(DOCUMENT)
    assert rules.labels_on_pack
    assert rules.carrier_of("express") == CarrierChoice("EXPRESS", "dhl", "X")
    assert rules.carrier_of("STANDARD") == CarrierChoice("STANDARD", "post", None)
    assert rules.carrier_of("ECONOMY") is None
    assert [rule.lasts for rule in rules.holds] == [timedelta(minutes=30), timedelta(minutes=15)]


@pytest.mark.parametrize(
    ("when", "order", "is_held"),
    [
        ({}, an_order(), True),
        ({"totalAbove": {"GBP": "500.00"}}, an_order(500_00), False),
        ({"totalAbove": {"GBP": "500.00"}}, an_order(500_01), True),
        ({"totalAbove": {"GBP": "500.00"}}, an_order(1, "EUR"), True),
        ({"totalAbove": {"GBP": "500.00", "JPY": "5"}}, an_order(5, "JPY"), False),
        ({"unpaid": True}, an_order(is_paid=True), False),
        ({"unpaid": True}, an_order(is_paid=False), True),
        ({"unpaid": False}, an_order(is_paid=True), True),
        ({"unpaid": False}, an_order(is_paid=False), False),
        ({"missing": ["postalCode"]}, an_order(address=()), True),
        ({"missing": ["postalCode"]}, an_order(), False),
        ({"missing": ["city", "name"]}, an_order(address=[AddressField.NAME]), True),
        ({"unpaid": True, "missing": ["city"]}, an_order(), False),
        ({"unpaid": True, "missing": ["city"]}, an_order(address=()), True),
    ],
)
def test_an_order_is_held_if_every_part_of_the_condition_is_met(
    when: dict[str, Any], order: OrderFacts, *, is_held: bool
) -> None:
    rules = read({"holds": [{"reason": "OTHER", "when": when}]})
    assert bool(rules.holds_of(order)) is is_held


def test_the_reasons_of_a_hold_are_words() -> None:
    rules = read(DOCUMENT)
    order = an_order(600_00, address=[AddressField.PHONE])
    assert list(rules.holds[0].condition.reasons(order)) == [
        "The total 600.00 GBP is above 500.00 GBP.",
        "It is not paid in full.",
        "The address lacks postalCode.",
    ]
