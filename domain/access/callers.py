"""Callers: their roles, permissions, and visible channels and locations.

Roles and their permissions are data. A key acts for one actor with one role and a scope. A caller
without a key is anonymous: it may read availability and manage its own holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.access.permissions import EVENT_NOUNS, NODE_TYPES, PERMISSIONS
from domain.errors import Forbidden
from domain.values.codes import comparison_key, same_code
from domain.values.money import Money


class Role(StrEnum):
    """Role of an API key; it decides the key's permissions.

    `viewer` lists the permissions.
    """

    STOREFRONT = "STOREFRONT"
    """The server of a shop: sells on its channels, and reads its own orders and returns."""
    PARTNER = "PARTNER"
    """A marketplace, carrier or fulfillment partner: the permissions of STOREFRONT, and the work at
    its locations. Every mutation requires an idempotency key.
    """
    WAREHOUSE = "WAREHOUSE"
    """Receives, picks, packs and ships; inspects returned units and decides their disposition."""
    SUPPORT = "SUPPORT"
    """Serves customers: holds, orders, cancellations, return decisions; opens and cancels refunds.
    """
    SUPERVISOR = "SUPERVISOR"
    """All permissions of WAREHOUSE and SUPPORT, overrides for both, and approval of refunds."""
    SUPPLY_CHAIN = "SUPPLY_CHAIN"
    """Maintains master data and stock levels, and publishes ROUTING policies."""
    FINANCE = "FINANCE"
    """Keeps the books; approves, retries and settles refunds."""
    ADMIN = "ADMIN"
    """All permissions, including API keys and policies of every kind."""


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Actors of the product itself: no key may act for them.
PROGRAM_ACTORS: Final = frozenset({"system", "anonymous", "policy"})
# Stands for every other actor where a caller may not read names.
STAFF_ACTOR: Final = "staff"

ANONYMOUS_PERMISSIONS: Final = _named("availability.read reservations.hold reservations.read")

_STOREFRONT = ANONYMOUS_PERMISSIONS | _named(
    """viewer.read node.read items.read reasons.read
    orders.place orders.read orders.cancel fulfillments.hold
    returns.request returns.cancel returns.track returns.read refunds.read
    integrations.read integrations.operate webhooks.write"""
)
_PARTNER = _STOREFRONT | _named(
    """permissions.read locations.read channels.read stock.read stock.putaway
    reservations.list orders.list
    fulfillments.list fulfillments.work carriers.record labels.work counts.record
    tasks.read tasks.work
    transfers.read transfers.work returns.list returns.receive events.read"""
)
# Read permissions of all staff roles, within the scope of the key.
_STAFF = _named(
    """internals.read viewer.read permissions.read node.read
    items.read suppliers.read locations.read channels.read reasons.read
    availability.read stock.read reservations.read reservations.list orders.read orders.list
    fulfillments.list tasks.read transfers.read returns.read returns.list
    exceptions.read exceptions.work metrics.read policies.read events.read
    integrations.read playbooks.read"""
)
_WAREHOUSE = _STAFF | _named(
    """stock.receive stock.putaway stock.adjust stock.move counts.record tasks.work
    fulfillments.work fulfillments.hold carriers.record labels.work returns.track
    returns.receive returns.inspect returns.dispose transfers.work"""
)
_SUPPORT = _STAFF | _named(
    """reservations.hold orders.place orders.cancel carriers.record labels.work
    fulfillments.hold fulfillments.release
    returns.request returns.authorize returns.cancel returns.track
    refunds.read refunds.list refunds.create refunds.cancel"""
)
_SUPERVISOR = (
    _WAREHOUSE
    | _SUPPORT
    | _named(
        """stock.safety stock.approve counts.plan tasks.override fulfillments.reroute
        transfers.write fulfillments.release.FRAUD_RISK returns.override dispositions.override
        refunds.approve refunds.retry audit.read playbooks.run rollout.read policies.preview
        policies.publish policies.publish.RETURN policies.publish.EXCEPTION
        policies.publish.FULFILLMENT integrations.operate"""
    )
)
_SUPPLY_CHAIN = _STAFF | _named(
    """catalog.write stock.receive stock.move stock.safety counts.plan
    transfers.write policies.preview policies.publish policies.publish.ROUTING"""
)
_FINANCE = _STAFF | _named(
    """stock.adjust stock.approve counts.plan ledger.read ledger.close audit.read policies.preview
    refunds.read refunds.list refunds.create refunds.cancel refunds.approve refunds.retry
    refunds.settle rollout.read"""
)

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[str]]] = MappingProxyType(
    {
        Role.STOREFRONT: _STOREFRONT,
        Role.PARTNER: _PARTNER,
        Role.WAREHOUSE: _WAREHOUSE,
        Role.SUPPORT: _SUPPORT,
        Role.SUPERVISOR: _SUPERVISOR,
        Role.SUPPLY_CHAIN: _SUPPLY_CHAIN,
        Role.FINANCE: _FINANCE,
        Role.ADMIN: PERMISSIONS,
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor of a request, as its key defines it, or an anonymous caller.

    `channels` and `locations` hold codes; None means all of them. `refund_limit` None means the
    limit of the role: none for roles that may approve refunds.
    """

    actor: str
    role: Role | None
    permissions: frozenset[str]
    channels: frozenset[str] | None = None
    locations: frozenset[str] | None = None
    address: str | None = None
    refund_limit: Money | None = None
    key_id: UUID | None = None
    _channel_keys: frozenset[str] | None = field(init=False, repr=False)
    _location_keys: frozenset[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_channel_keys", _keys(self.channels))
        object.__setattr__(self, "_location_keys", _keys(self.locations))

    @property
    def has_own_rows(self) -> bool:
        """True if this caller's answers differ from those of another with the same scope.

        Rows that its own actor made exist for a key of some locations; so do the events of keys for
        one that is limited in any way. A caller that may not read the names and notes of others
        reads its own.
        """
        if self.role is not None and not self.may("internals.read"):
            return True
        return self.locations is not None or (self.channels is not None and self.may("keys"))

    @property
    def is_anonymous(self) -> bool:
        return self.role is None

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden unless the caller has `permission`."""
        if permission not in self.permissions:
            raise Forbidden(f"{self.actor} lacks the permission {permission}.")

    def sees_channel(self, code: str) -> bool:
        return self._channel_keys is None or comparison_key(code) in self._channel_keys

    def sees_location(self, code: str) -> bool:
        return self._location_keys is None or comparison_key(code) in self._location_keys

    def acts_as(self, actor: str) -> bool:
        """True if the caller is this actor, in any spelling of it."""
        return same_code(self.actor, actor)

    def shown_actor(self, actor: str) -> str:
        """The name of an actor as this caller reads it.

        Without `internals.read`, the names of others are hidden: a marketplace does not learn who
        works for the retailer.
        """
        if self.may("internals.read") or actor in PROGRAM_ACTORS or self.acts_as(actor):
            return actor
        return STAFF_ACTOR

    def may_filter_by_actor(self, actor: str) -> bool:
        """True if lists may be limited to rows of this actor: their length tells whose they are."""
        return self.may("internals.read") or self.acts_as(actor)

    def may_read_node(self, type_name: str) -> bool:
        """True if `node(id:)` may return an object of this GraphQL type."""
        needed = NODE_TYPES.get(type_name)
        return needed is not None and self.may("node.read") and self.may(needed)

    def may_read_event(self, event_type: str) -> bool:
        """True if events of this type may be sent to the caller; unknown nouns: ADMIN only."""
        needed = EVENT_NOUNS.get(event_type.partition(".")[0])
        if needed is None:
            return self.role is Role.ADMIN
        return self.may("events.read") and self.may(needed)

    def may_see_cost(self) -> bool:
        return self.may("internals.read")

    def may_see_supplier(self) -> bool:
        return self.may("internals.read")

    def may_see_routing(self) -> bool:
        return self.may("internals.read")

    def may_see_risk(self) -> bool:
        return self.may("internals.read")

    def may_see_decisions(self) -> bool:
        """Covers reasons of policy decisions, approvals, and the journal entries of a refund."""
        return self.may("internals.read")

    def may_see_buffer_of(self, channel: str) -> bool:
        """True with `internals.read`; otherwise only for channels that the caller's key lists."""
        if self.may("internals.read"):
            return True
        return self.role is not None and self.channels is not None and self.sees_channel(channel)

    def may_grant(self, amount: Money) -> bool:
        """True if the caller may approve a refund of `amount`."""
        if not self.may("refunds.approve"):
            return False
        limit = self.refund_limit
        return limit is None or (limit.currency == amount.currency and amount <= limit)

    def may_mint(self, key: "Caller") -> bool:
        """True if a key with the rights of `key` would have no right that this caller lacks."""
        return self.may("keys") and self.covers(key) and self._covers_grant_of(key)

    def covers(self, key: "Caller") -> bool:
        """True if `key` may do nothing, and sees nothing, that this caller may not."""
        return key.permissions <= self.permissions and self.sees_scope_of(key)

    def sees_scope_of(self, key: "Caller") -> bool:
        """True if the channels and locations of `key` are within those of this caller."""
        return _is_within(key._channel_keys, self._channel_keys) and _is_within(
            key._location_keys, self._location_keys
        )

    def _covers_grant_of(self, key: "Caller") -> bool:
        if self.refund_limit is None or not key.may("refunds.approve"):
            return True
        return key.refund_limit is not None and self.may_grant(key.refund_limit)


def holder(
    role: Role,
    *,
    actor: str,
    channels: frozenset[str] | None = None,
    locations: frozenset[str] | None = None,
    address: str | None = None,
    refund_limit: Money | None = None,
    key_id: UUID | None = None,
) -> Caller:
    """The caller with a key of `role`."""
    return Caller(
        actor=actor,
        role=role,
        permissions=ROLE_PERMISSIONS[role],
        channels=channels,
        locations=locations,
        address=address,
        refund_limit=refund_limit,
        key_id=key_id,
    )


def anonymous(address: str, channels: frozenset[str]) -> Caller:
    """The caller without a key: counted by network address, limited to the open channels."""
    return Caller(
        actor="anonymous",
        role=None,
        permissions=ANONYMOUS_PERMISSIONS,
        channels=channels,
        address=address,
    )


def _keys(codes: frozenset[str] | None) -> frozenset[str] | None:
    return None if codes is None else frozenset(map(comparison_key, codes))


# The actor of jobs and migrations.
SYSTEM: Final = holder(Role.ADMIN, actor="system")


def _is_within(part: frozenset[str] | None, whole: frozenset[str] | None) -> bool:
    return whole is None or (part is not None and part <= whole)
