"""Holds: available units can be held, once, until the hold expires."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

import workflows.reservations.commands
import workflows.reservations.expiry as reservation_expiry
import workflows.reservations.reservations
from domain.access.callers import Caller, Role, anonymous, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, Shop, open_shop
from tests.builders.transactions import codes, counts, events, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome, Request


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def test_a_hold_takes_units_from_available_and_says_where(shop: Shop) -> None:
    await shop.receive(5)
    held = await shop.hold(("TEE-M", 3))
    assert not held.refusals
    assert await shop.level() == {"available": 2, "held": 3}
    assert await shop.atp() == 2
    facts = await rows(shop.database, "SELECT status, routing FROM reservation")
    assert facts[0]["status"] == "HELD"
    created = await events(shop.database, "reservation")
    assert created[0]["type"] == "reservation.created"
    assert created[0]["data"]["units"] == {"TEE-M": 3}


async def test_all_lines_are_held_or_none(shop: Shop) -> None:
    await shop.receive(5)
    before = await counts(shop.database, "reservation", "reservation_line", "stock_movement")
    refused = await shop.hold(("TEE-M", 2), ("TEE-S", 1))
    assert codes(refused) == [("INSUFFICIENT_STOCK", ("input", "lines", "1", "quantity"))]
    assert refused.refusals[0].details == {"sku": "TEE-S", "requested": 1, "available": 0}
    assert await shop.level() == {"available": 5}
    assert before == await counts(
        shop.database, "reservation", "reservation_line", "stock_movement"
    )


async def test_lines_of_one_sku_are_summed(shop: Shop) -> None:
    await shop.receive(5)
    assert codes(await shop.hold(("TEE-M", 3), ("TEE-M", 3))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]
    assert not (await shop.hold(("TEE-M", 3), ("TEE-M", 2))).refusals


async def test_a_hold_is_over_by_the_clock_whether_or_not_it_was_swept(shop: Shop) -> None:
    await shop.receive(5)
    await shop.hold(("TEE-M", 5), ttl_seconds=60)
    assert await shop.atp() == 0
    shop.clock.forward(seconds=60)
    assert await shop.atp() == 5
    again = await shop.hold(("TEE-M", 5))
    assert not again.refusals
    types = [each["type"] for each in await events(shop.database, "reservation")]
    assert types == ["reservation.created", "reservation.expired", "reservation.created"]
    statuses = await rows(shop.database, "SELECT status FROM reservation ORDER BY created_at")
    assert [row["status"] for row in statuses] == ["EXPIRED", "HELD"]


async def test_an_expired_hold_whose_other_items_are_not_locked_waits_for_the_sweep(
    shop: Shop,
) -> None:
    """The second hold shares an item with the first one, and none with the new one."""
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await shop.receive(5, sku)
    await shop.hold(("TEE-S", 5), ("TEE-M", 1), ttl_seconds=60)
    await shop.hold(("TEE-M", 1), ("TEE-L", 1), ttl_seconds=60)
    shop.clock.forward(seconds=60)
    assert not (await shop.hold(("TEE-S", 5))).refusals
    statuses = await rows(shop.database, "SELECT status FROM reservation ORDER BY created_at, id")
    assert sorted(row["status"] for row in statuses) == ["EXPIRED", "HELD", "HELD"]
    assert await shop.level("TEE-M") == {"available": 4, "held": 1}
    assert await shop.atp("TEE-M") == 5
    assert await reservation_expiry.sweep(shop.transactions) == 1
    assert await shop.level("TEE-M") == {"available": 5}


@pytest.mark.parametrize("ending", ["expire", "release", "place"])
async def test_the_lines_of_a_hold_end_with_it(shop: Shop, ending: str) -> None:
    await shop.receive(5)
    held = await shop.hold(("TEE-M", 2), ttl_seconds=60)
    await shop.hold(("TEE-M", 1), ttl_seconds=600)
    await shop.extend(held, 120)
    [until] = await _held_until(shop, held)
    assert until is not None
    assert (until - shop.clock.now).total_seconds() == 120
    if ending == "place":
        assert not (await shop.place(("TEE-M", 2), hold=held)).refusals
    elif ending == "release":
        assert not (await shop.release(held)).refusals
    else:
        shop.clock.forward(seconds=120)
        assert await reservation_expiry.sweep(shop.transactions) == 1
    assert await _held_until(shop, held) == [None]
    assert await reconcile(shop.database) == []


async def _held_until(shop: Shop, hold: Outcome) -> list[datetime | None]:
    found = await rows(
        shop.database,
        "SELECT held_until_at FROM reservation_line WHERE reservation_id = $1",
        UUID(hold.refs["reservation"]),
    )
    return [row["held_until_at"] for row in found]


async def test_the_sweeper_gives_back_what_is_over(shop: Shop) -> None:
    await shop.receive(5)
    await shop.hold(("TEE-M", 2), ttl_seconds=60)
    assert await reservation_expiry.sweep(shop.transactions) == 0
    shop.clock.forward(seconds=61)
    assert await reservation_expiry.sweep(shop.transactions) == 1
    assert await shop.level() == {"available": 5}
    assert await reservation_expiry.sweep(shop.transactions) == 0


async def test_extending_moves_the_end_up_to_four_times_the_first_ttl(shop: Shop) -> None:
    await shop.receive(1)
    held = await shop.hold(("TEE-M", 1), ttl_seconds=100)
    assert not (await shop.extend(held, 300)).refusals
    assert codes(await shop.extend(held, 401)) == [("LIMIT_EXCEEDED", ("ttlSeconds",))]
    shop.clock.forward(seconds=300)
    assert codes(await shop.extend(held, 10)) == [("RESERVATION_EXPIRED", ("id",))]


async def test_a_released_hold_stays_released(shop: Shop) -> None:
    await shop.receive(1)
    held = await shop.hold(("TEE-M", 1))
    assert not (await shop.release(held)).refusals
    assert await shop.level() == {"available": 1}
    assert codes(await shop.release(held)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert codes(await shop.extend(held, 60)) == [("ILLEGAL_TRANSITION", ("id",))]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"lines": ()}, ("INVALID", ("input", "lines"))),
        ({"lines": (("NOPE", 1),)}, ("NOT_FOUND", ("input", "lines", "0", "sku"))),
        ({"lines": (("TEE-M", 0),)}, ("INVALID", ("input", "lines", "0", "quantity"))),
        ({"lines": (("TEE-M", -1),)}, ("INVALID", ("input", "lines", "0", "quantity"))),
        ({"lines": (("TEE-M", 10**12),)}, ("INVALID", ("input", "lines", "0", "quantity"))),
        ({"lines": (("TEE-M", 1),) * 2_001}, ("LIMIT_EXCEEDED", ("input", "lines"))),
        ({"channel": "nope"}, ("NOT_FOUND", ("input", "channel"))),
        ({"ttl_seconds": 0}, ("LIMIT_EXCEEDED", ("input", "ttlSeconds"))),
        ({"ttl_seconds": 10**9}, ("LIMIT_EXCEEDED", ("input", "ttlSeconds"))),
        ({"external_reference": ""}, ("INVALID", ("input", "externalReference"))),
        (
            {"lines": (("TEE-M", 1, "MARS"),)},
            ("NOT_FOUND", ("input", "lines", "0", "locationCode")),
        ),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    shop: Shop, facts: dict[str, Any], expected: tuple[str, tuple[str, ...]]
) -> None:
    await shop.receive(5)
    given = {"lines": (("TEE-M", 1),), **facts}
    assert codes(await shop.hold(*given.pop("lines"), **given)) == [expected]
    assert await shop.level() == {"available": 5}


async def test_a_reference_names_one_live_hold(shop: Shop) -> None:
    await shop.receive(5)
    first = await shop.hold(("TEE-M", 1), external_reference="cart-1", ttl_seconds=60)
    second = await shop.hold(("TEE-M", 1), external_reference="cart-1")
    assert codes(second) == [("ALREADY_EXISTS", ("input", "externalReference"))]
    assert second.refs == first.refs
    shop.clock.forward(seconds=61)
    assert not (await shop.hold(("TEE-M", 5), external_reference="cart-1")).refusals


async def test_another_channels_hold_does_not_exist(shop: Shop) -> None:
    await shop.receive(5)
    held = await shop.hold(("TEE-M", 1))
    stranger = holder(Role.STOREFRONT, actor="other", channels=frozenset({"market"}))
    assert codes(await shop.release(held, stranger)) == [("NOT_FOUND", ("id",))]
    assert codes(await shop.hold(("TEE-M", 1), by=stranger)) == [
        ("NOT_FOUND", ("input", "channel"))
    ]


async def test_a_buffer_is_never_sold_even_over_two_locations(database: Database) -> None:
    shop = await open_shop(database, safety_buffer=20)
    await shop.receive(60, at="LEEDS")
    await shop.receive(60, at="YORK")
    assert await shop.atp() == 100
    assert codes(await shop.hold(("TEE-M", 101))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]
    assert not (await shop.hold(("TEE-M", 100))).refusals
    assert await shop.atp() == 0


async def test_protected_units_are_left_for_the_higher_channel(shop: Shop) -> None:
    rules = {"protected": [{"channel": "web", "category": "coats", "units": 5}]}
    await shop.publish(PolicyKind.ROUTING, rules)
    await shop.receive(8, "COAT")
    assert (await shop.atp("COAT"), await shop.atp("COAT", "market")) == (8, 3)
    assert (await shop.hold(("COAT", 4), channel="market")).refusals[0].details["available"] == 3
    assert not (await shop.hold(("COAT", 3), channel="market")).refusals


async def test_a_pinned_line_comes_from_its_location(shop: Shop) -> None:
    await shop.receive(5, at="LEEDS")
    await shop.receive(5, at="YORK")
    await shop.hold(("TEE-M", 4, "YORK"))
    assert await shop.level(at="YORK") == {"available": 1, "held": 4}
    assert codes(await shop.hold(("TEE-M", 2, "YORK"))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]


def _visitor(address: str) -> Caller:
    return anonymous(address, frozenset({"web"}))


async def test_without_a_key_holds_are_few_small_and_short(shop: Shop) -> None:
    await shop.receive(400)
    one, two = _visitor("192.0.2.1"), _visitor("192.0.2.2")
    assert codes(await shop.hold(("TEE-M", 21), by=one)) == [
        ("LIMIT_EXCEEDED", ("input", "lines", "0", "quantity"))
    ]
    assert codes(await shop.hold(("TEE-M", 1), by=one, ttl_seconds=3601)) == [
        ("LIMIT_EXCEEDED", ("input", "ttlSeconds"))
    ]
    for _ in range(5):
        assert not (await shop.hold(("TEE-M", 4), by=one)).refusals
    assert codes(await shop.hold(("TEE-M", 1), by=one)) == [("LIMIT_EXCEEDED", ())]
    assert not (await shop.hold(("TEE-M", 20), by=two)).refusals


async def test_without_a_key_all_together_hold_at_most_a_quarter(shop: Shop) -> None:
    await shop.receive(40)
    assert not (await shop.hold(("TEE-M", 8), by=_visitor("192.0.2.1"))).refusals
    refused = await shop.hold(("TEE-M", 3), by=_visitor("192.0.2.2"))
    assert codes(refused) == [("LIMIT_EXCEEDED", ("input", "lines", "0", "quantity"))]
    assert refused.refusals[0].details["allowed"] == 2
    await shop.receive(1, "COAT")
    assert not (await shop.hold(("COAT", 1), by=_visitor("192.0.2.3"))).refusals


async def test_a_batch_decides_each_request_on_its_own(shop: Shop) -> None:
    await shop.receive(5)
    create = workflows.reservations.reservations.create
    wanted = [3, 9, 2, 1]
    requests = [
        Request(
            workflows.reservations.commands.CreateReservation(
                "web", (workflows.reservations.commands.HoldLine("TEE-M", units),)
            ),
            ADMIN,
            f"key-{index}",
        )
        for index, units in enumerate(wanted)
    ]
    outcomes = await shop.transactions.perform_all(create, requests)
    assert [bool(outcome.refusals) for outcome in outcomes] == [False, True, False, True]
    assert await shop.level() == {"held": 5}
    replayed = await shop.transactions.perform_all(create, requests)
    assert all(outcome.replayed for outcome in replayed)
    assert [outcome.refs for outcome in replayed] == [outcome.refs for outcome in outcomes]
