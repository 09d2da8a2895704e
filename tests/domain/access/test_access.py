from dataclasses import replace

import pytest

import domain.access.callers as callers
import domain.access.permissions as permissions
from domain.access.callers import ROLE_PERMISSIONS, SYSTEM, Caller, Role
from domain.errors import Forbidden
from domain.values.money import Money

OPERATIONS = {**permissions.QUERIES, **permissions.MUTATIONS}
ANYBODY = callers.anonymous("192.0.2.1", frozenset({"web"}))
STOREFRONT_OPERATIONS = {
    *("availability", "reservation", "reservationCreate", "reservationExtend"),
    *(
        "reservationRelease",
        "viewer",
        "node",
        "nodes",
        "item",
        "items",
        "reasonCodes",
        "orderPlace",
        "fulfillmentHold",
        "fulfillmentRelease",
    ),
    *("order", "orderCancel", "returnRequest", "returnCancel", "returnTrackingSet", "return"),
    *("integration", "integrations", "messages"),  # of its own actor
    *("integrationUpsert", "integrationSecretRotate", "integrationPause", "integrationResume"),
    *("integrationTest", "integrationReplay", "messageRetry", "messageSkip"),
}
PUBLISHERS = {
    "ROUTING": {Role.SUPPLY_CHAIN, Role.ADMIN},
    "RETURN": {Role.SUPERVISOR, Role.ADMIN},
    "DISPOSITION": {Role.ADMIN},
    "REFUND": {Role.ADMIN},
    "ADJUSTMENT": {Role.ADMIN},
    "EXCEPTION": {Role.SUPERVISOR, Role.ADMIN},
    "FULFILLMENT": {Role.SUPERVISOR, Role.ADMIN},
}


def holders(permission: str) -> set[Role]:
    return {role for role, held in ROLE_PERMISSIONS.items() if permission in held}


def operations_of(caller: Caller) -> set[str]:
    return {name for name, permission in OPERATIONS.items() if caller.may(permission)}


def test_roles_hold_only_permissions_that_exist() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    for held in (*ROLE_PERMISSIONS.values(), callers.ANONYMOUS_PERMISSIONS):
        assert held <= permissions.PERMISSIONS


def test_admin_may_do_everything() -> None:
    assert ROLE_PERMISSIONS[Role.ADMIN] == permissions.PERMISSIONS


def test_a_storefront_key_does_exactly_what_the_contract_lists() -> None:
    shop = callers.holder(Role.STOREFRONT, actor="shop")
    assert operations_of(shop) == STOREFRONT_OPERATIONS
    assert not shop.may_read_event("stock.changed")


def test_without_a_key_there_are_availability_and_holds() -> None:
    assert operations_of(ANYBODY) == {
        *("availability", "reservation", "reservationCreate", "reservationExtend"),
        "reservationRelease",
    }
    assert ANYBODY.is_anonymous
    assert not ANYBODY.may_read_node("Item")


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        ("backdate", {Role.ADMIN}),
        ("keys", {Role.ADMIN}),
        ("catalog.write", {Role.SUPPLY_CHAIN, Role.ADMIN}),
        ("stock.approve", {Role.SUPERVISOR, Role.FINANCE, Role.ADMIN}),
        ("tasks.override", {Role.SUPERVISOR, Role.ADMIN}),
        ("returns.override", {Role.SUPERVISOR, Role.ADMIN}),
        ("fulfillments.reroute", {Role.SUPERVISOR, Role.ADMIN}),
        ("refunds.settle", {Role.FINANCE, Role.ADMIN}),
        ("ledger.close", {Role.FINANCE, Role.ADMIN}),
        ("internals.read", set(Role) - {Role.STOREFRONT, Role.PARTNER}),
    ],
)
def test_powers_belong_to_the_roles_that_the_contract_names(
    permission: str, roles: set[Role]
) -> None:
    assert holders(permission) == roles


@pytest.mark.parametrize(("kind", "roles"), PUBLISHERS.items())
def test_policies_are_published_by(kind: str, roles: set[Role]) -> None:
    for role in Role:
        caller = callers.holder(role, actor="someone")
        may_publish = caller.may(f"policies.publish.{kind}")
        assert may_publish == (role in roles)
        assert not may_publish or caller.may("policies.publish")


def test_scope_is_what_the_key_names_and_none_is_everything() -> None:
    shop = callers.holder(Role.PARTNER, actor="3pl", channels=frozenset({"web"}))
    assert shop.sees_channel("web")
    assert not shop.sees_channel("amazon")
    assert shop.sees_location("LEEDS")
    assert not replace(shop, locations=frozenset()).sees_location("LEEDS")


def test_outsiders_see_no_internals_and_only_their_own_buffer() -> None:
    for role in (Role.STOREFRONT, Role.PARTNER):
        outsider = callers.holder(role, actor="shop", channels=frozenset({"web"}))
        questions = (
            outsider.may_see_cost,
            outsider.may_see_supplier,
            outsider.may_see_routing,
            outsider.may_see_risk,
            outsider.may_see_decisions,
        )
        assert not any(question() for question in questions)
        assert outsider.may_see_buffer_of("web")
        assert not outsider.may_see_buffer_of("amazon")
        assert not replace(outsider, channels=None).may_see_buffer_of("web")
    assert not ANYBODY.may_see_buffer_of("web")
    assert callers.holder(Role.WAREHOUSE, actor="ann").may_see_buffer_of("web")


def test_a_missing_permission_is_forbidden() -> None:
    SYSTEM.require("backdate")
    with pytest.raises(Forbidden, match=r"catalog\.write"):
        ANYBODY.require("catalog.write")


def test_nodes_and_events_ask_for_what_a_look_up_would() -> None:
    warehouse = callers.holder(Role.WAREHOUSE, actor="ann")
    assert warehouse.may_read_node("StockLevel")
    assert not warehouse.may_read_node("ApiKey")
    assert not warehouse.may_read_node("Nothing")
    assert warehouse.may_read_event("stock.changed")
    assert not warehouse.may_read_event("refund.succeeded")
    assert not warehouse.may_read_event("comet.seen")
    assert SYSTEM.may_read_event("comet.seen")


def test_an_approver_stays_within_the_grant_and_its_currency() -> None:
    finance = callers.holder(Role.FINANCE, actor="fay", refund_limit=Money(50_000, "GBP"))
    assert finance.may_grant(Money(50_000, "GBP"))
    assert not finance.may_grant(Money(50_001, "GBP"))
    assert not finance.may_grant(Money(1, "EUR"))
    assert replace(finance, refund_limit=None).may_grant(Money(10**9, "JPY"))
    assert not callers.holder(Role.SUPPORT, actor="sam").may_grant(Money(1, "GBP"))


def test_a_key_never_exceeds_its_creators_rights() -> None:
    web = frozenset({"web"})
    admin = callers.holder(Role.ADMIN, actor="ada", channels=web, refund_limit=Money(10_000, "GBP"))
    shop = callers.holder(Role.STOREFRONT, actor="shop", channels=web)
    assert admin.may_mint(shop)
    assert not admin.may_mint(replace(shop, channels=None))
    assert not admin.may_mint(replace(shop, channels=frozenset({"amazon"})))
    assert not shop.may_mint(shop)
    finance = callers.holder(Role.FINANCE, actor="fay", channels=web)
    assert not admin.may_mint(finance)
    assert admin.may_mint(replace(finance, refund_limit=Money(10_000, "GBP")))
    assert not admin.may_mint(replace(finance, refund_limit=Money(10_001, "GBP")))
    assert SYSTEM.may_mint(SYSTEM)
