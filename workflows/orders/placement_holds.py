"""Fulfillment holds of new orders: those that the request asks for, and those of the policy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.fulfillments as fulfillments
from domain.events.fulfillments import FulfillmentHeld
from domain.events.orders import OrderHeld
from domain.orders.fulfillment_holds import POLICY_ACTOR, NewHold
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderStatus
from domain.policies.fulfillments import AddressField, FulfillmentRules, OrderFacts
from domain.policies.policies import Facts, PolicyVersion, choose
from domain.values.money import Money
from models.orders import NewOrderRow
from models.queries.catalog.lookups import ChannelFacts
from workflows.orders.commands import Address, PlaceOrder
from workflows.orders.totals import OrderTotals
from workflows.policies.publishing import Found
from workflows.transactions.transaction import Transaction

_ADDRESS: Final[Mapping[AddressField, str]] = {each: each.name.lower() for each in AddressField}


@dataclass(frozen=True, slots=True)
class PlannedHold:
    """A hold of a new order. `location_id` None: of the whole order, else of one fulfillment.

    `facts`: the policy that decided, for the audit row.
    """

    new: NewHold
    placed_by: str
    location_id: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def held_at(self, location_ids: Collection[int]) -> Collection[int]:
        """The locations whose fulfillment the hold covers."""
        return location_ids if self.location_id is None else (self.location_id,)


def plan(
    tx: Transaction,
    found: Found[FulfillmentRules],
    command: PlaceOrder,
    channel: ChannelFacts,
    location_ids: Collection[int],
    money: OrderTotals,
    actor: str,
) -> list[PlannedHold]:
    """The holds of an order that ships from these locations.

    The policy is chosen for each location. If one decides them all, its holds are of the whole
    order; otherwise each holds the fulfillment at its location.
    """
    holds = [] if command.hold is None else [PlannedHold(command.hold, actor)]
    codes = {place.id: place.code for place in channel.locations if place.id in location_ids}
    chosen = {
        place: choose(found, Facts(channel.code, location=code), tx.now)
        for place, code in codes.items()
    }
    order = OrderFacts(
        Money(money.total_minor, channel.currency),
        money.paid_minor >= money.total_minor,
        _known(command.ship_to),
    )
    if len({(str(each.scope), each.version) for each in chosen.values()}) > 1:
        for place, policy in sorted(chosen.items(), key=lambda each: each[0]):
            holds += _of_policy(tx, policy, order, place)
        return holds
    sole = next(iter(chosen.values()), None) or choose(found, Facts(channel.code), tx.now)
    return [*holds, *_of_policy(tx, sole, order, None)]


def _known(address: Address | None) -> frozenset[AddressField]:
    """The fields that an address has; a blank text or an empty list counts as absent."""
    if address is None:
        return frozenset()
    return frozenset(
        each for each, name in _ADDRESS.items() if "".join(getattr(address, name) or ()).strip()
    )


def _of_policy(
    tx: Transaction,
    policy: PolicyVersion[FulfillmentRules],
    order: OrderFacts,
    location_id: int | None,
) -> Iterator[PlannedHold]:
    for rule in policy.rules.holds_of(order):
        note = " ".join(rule.condition.reasons(order)) or "Every order is held."
        until = None if rule.lasts is None else tx.now + rule.lasts
        facts = {
            "policy": str(policy.kind),
            "policyScope": str(policy.scope),
            "policyVersion": policy.version,
        }
        yield PlannedHold(NewHold(rule.reason, note, until), POLICY_ACTOR, location_id, facts)


def held_at(holds: Sequence[PlannedHold], location_ids: Collection[int]) -> frozenset[int]:
    """The locations whose fulfillment one of these holds covers."""
    return frozenset(place for each in holds for place in each.held_at(location_ids))


def add(
    tx: Transaction,
    holds: Sequence[PlannedHold],
    order: NewOrderRow,
    parcels: Mapping[int, UUID],
) -> None:
    """Add the holds of a new order whose fulfillments, by location, were added ON_HOLD.

    Records `fulfillment.held`, and `order.held` for holds of the whole order.
    """
    for each in holds:
        new, place = each.new, each.location_id
        of_parcel = None if place is None else parcels[place]
        hold_id = fulfillment_holds.add(tx, order["id"], of_parcel, new, each.placed_by, each.facts)
        step = fulfillments.work_step(order, FulfillmentStatus.ON_HOLD, FulfillmentStatus.ON_HOLD)
        for location_id in sorted(each.held_at(parcels)):
            located: fulfillments.LocatedFulfillment = {
                "id": parcels[location_id],
                "location_id": location_id,
            }
            event = FulfillmentHeld(**step, hold=hold_id, reason=new.reason, until=new.until)
            fulfillments.record(tx, event, located, 1, order, each.placed_by)
        if place is None:
            status = OrderStatus(order["status"])
            held = OrderHeld(
                number=order["number"],
                status=status,
                before=status,
                hold=hold_id,
                reason=new.reason,
                until=new.until,
            )
            tx.outbox.record(
                held, order["id"], actor=each.placed_by, channel_id=order["channel_id"]
            )
