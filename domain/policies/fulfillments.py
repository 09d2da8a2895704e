"""FULFILLMENT policy: holds of new orders, and the choice of a carrier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import domain.policies.limits as limits
from domain.orders.fulfillment_holds import STATED_REASONS, HoldReason
from domain.policies.limits import NO_LIMITS, AmountLimits
from domain.policies.reading import Value
from domain.values.codes import same_code
from domain.values.money import Money


class AddressField(StrEnum):
    """A field of a delivery address, under its name in the API."""

    COUNTRY_CODE = "countryCode"
    POSTAL_CODE = "postalCode"
    REGION = "region"
    CITY = "city"
    LINES = "lines"
    NAME = "name"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Facts of a new order: total, payment, and the fields that its address has."""

    total: Money
    is_paid: bool
    address: Collection[AddressField]


@dataclass(frozen=True, slots=True)
class Condition:
    """Facts of an order, all of which must be true. None or empty: any order."""

    total_above: AmountLimits = NO_LIMITS
    unpaid: bool | None = None
    missing: tuple[AddressField, ...] = ()

    def is_met_by(self, order: OrderFacts) -> bool:
        """True if the order meets every part; one missing field of the address is enough."""
        return (
            (not self.total_above.minor or self.total_above.is_passed_by(order.total))
            and self.unpaid in (None, not order.is_paid)
            and (not self.missing or any(each not in order.address for each in self.missing))
        )

    def reasons(self, order: OrderFacts) -> Sequence[str]:
        """The parts that an order meets, in words."""
        reasons = []
        if self.total_above.minor:
            limit = self.total_above.minor.get(order.total.currency)
            reasons.append(
                f"No limit is set for totals in {order.total.currency}."
                if limit is None
                else f"The total {order.total} is above {Money(limit, order.total.currency)}."
            )
        if self.unpaid is not None:
            reasons.append("It is paid in full." if order.is_paid else "It is not paid in full.")
        if lacking := [str(each) for each in self.missing if each not in order.address]:
            reasons.append(f"The address lacks {', '.join(lacking)}.")
        return reasons


@dataclass(frozen=True, slots=True)
class HoldRule:
    """A hold of every order that meets the condition. `lasts` None: until it is released."""

    reason: HoldReason
    condition: Condition
    lasts: timedelta | None


@dataclass(frozen=True, slots=True)
class CarrierChoice:
    """The carrier of a service level, and its service; None: the carrier's usual one."""

    service_level: str
    carrier: str
    service: str | None


@dataclass(frozen=True, slots=True)
class FulfillmentRules:
    """A parsed FULFILLMENT policy."""

    holds: tuple[HoldRule, ...]
    carriers: tuple[CarrierChoice, ...]
    labels_on_pack: bool

    def holds_of(self, order: OrderFacts) -> Sequence[HoldRule]:
        """The rules that hold this order."""
        return [rule for rule in self.holds if rule.condition.is_met_by(order)]

    def carrier_of(self, service_level: str) -> CarrierChoice | None:
        """The choice for a service level; None: the policy names none."""
        return next(
            (each for each in self.carriers if same_code(each.service_level, service_level)), None
        )


def parse(rules: Value) -> FulfillmentRules:
    """Parse a FULFILLMENT document; raises its faults with their paths."""
    return rules.record(
        lambda members: FulfillmentRules(
            holds=members.get("holds", lambda value: value.distinct(_hold), ()),
            carriers=members.get("carriers", _carriers, ()),
            labels_on_pack=members.get("labelOnPack", Value.flag, False),
        ),
        optional="holds carriers labelOnPack",
    )


def _hold(value: Value) -> HoldRule:
    return value.record(
        lambda members: HoldRule(
            reason=members.read("reason", _reason),
            condition=members.get("when", _condition, Condition()),
            lasts=members.get("for", Value.positive_duration, None),
        ),
        "reason",
        "when for",
    )


def _reason(value: Value) -> HoldReason:
    reason = value.choice(HoldReason) if value.json in STATED_REASONS else None
    if reason is None:
        value.refuse(f"must be one of {', '.join(STATED_REASONS)}")
    return reason


def _condition(value: Value) -> Condition:
    nothing: tuple[AddressField, ...] = ()
    return value.record(
        lambda members: Condition(
            total_above=members.get("totalAbove", limits.parse_some, NO_LIMITS),
            unpaid=members.get("unpaid", Value.flag, None),
            missing=members.get("missing", _fields, nothing),
        ),
        optional="totalAbove unpaid missing",
    )


def _fields(value: Value) -> tuple[AddressField, ...]:
    fields = value.distinct(lambda each: each.choice(AddressField))
    if not fields:
        value.refuse("must name at least one field of the address")
    return fields


def _carriers(value: Value) -> tuple[CarrierChoice, ...]:
    return value.distinct(
        _carrier,
        lambda each, old: same_code(each.service_level, old.service_level),
        "must not name the service level of an earlier entry",
    )


def _carrier(value: Value) -> CarrierChoice:
    return value.record(
        lambda members: CarrierChoice(
            members.read("serviceLevel", Value.text),
            members.read("carrier", Value.text),
            members.maybe("service", Value.text),
        ),
        "serviceLevel carrier",
        "service",
    )
