"""Receipts, adjustments and moves of units: with a reason, a cost and a limit."""

from typing import Any

import pytest

import workflows.stock.adjustments
import workflows.stock.goods_receipts
from domain.access.callers import Role, holder
from domain.stock.states import StockState
from domain.values.money import Money
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.store import ADMIN, CLERK, Shop, open_shop, pounds
from tests.builders.transactions import codes, counts, events, rows
from workflows.stock.adjustments import AdjustStock, MoveStock
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, SetSafetyStock
from workflows.transactions.outcomes import Outcome, Request

TABLES = ("stock_movement", "journal_entry", "event", "audit_entry", "stock_level")


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def _receive(shop: Shop, *lines: ReceiptLine, **facts: Any) -> Outcome:
    command = ReceiveStock(**{"location_code": "LEEDS", "reference": "PO-1", **facts}, lines=lines)
    return await shop.transactions.perform(
        workflows.stock.goods_receipts.receive, Request(command, ADMIN)
    )


async def _value(shop: Shop, account: str) -> int:
    found = await rows(
        shop.database,
        "SELECT COALESCE(SUM(debit_minor) - SUM(credit_minor), 0) AS pence FROM journal_line"
        " WHERE account = $1",
        account,
    )
    return int(found[0]["pence"])


async def test_a_receipt_brings_units_and_their_cost(shop: Shop) -> None:
    lines = (ReceiptLine("TEE-M", 3, pounds("4.00")), ReceiptLine("TEE-S", 2, pounds("1.50")))
    outcome = await _receive(shop, *lines)
    assert not outcome.refusals
    assert len(outcome.refs["levels"]) == len(outcome.refs["movements"]) == 2
    assert await _value(shop, "inventory") == 1500
    assert await _value(shop, "goods_received_not_invoiced") == -1500
    assert await faults(shop.database) == []
    changed = await events(shop.database, "stock.changed")
    assert [each["data"]["cause"] for each in changed] == ["RECEIVED", "RECEIVED"]


async def test_the_same_item_twice_on_a_receipt_adds_up(shop: Shop) -> None:
    line = ReceiptLine("TEE-M", 3, pounds("4.00"))
    assert len((await _receive(shop, line, line)).refs["levels"]) == 1
    assert await shop.level() == {"available": 6}


COSTED = ReceiptLine("TEE-M", 1, pounds("1.00"))


@pytest.mark.parametrize(
    ("line", "facts", "expected"),
    [
        (ReceiptLine("NOPE", 1), {}, ("NOT_FOUND", ("lines", "0", "sku"))),
        (ReceiptLine("TEE-M", 0, pounds("1.00")), {}, ("INVALID", ("lines", "0", "quantity"))),
        (ReceiptLine("TEE-M", 10**12, pounds("1.00")), {}, ("INVALID", ("lines", "0", "quantity"))),
        (ReceiptLine("TEE-M", 1), {}, ("INVALID", ("lines", "0", "unitCost"))),
        (
            ReceiptLine("TEE-M", 1, Money(100, "EUR")),
            {},
            ("INVALID", ("lines", "0", "unitCost", "currencyCode")),
        ),
        (
            ReceiptLine("TEE-M", 1, Money(-1, "GBP")),
            {},
            ("INVALID", ("lines", "0", "unitCost", "amount")),
        ),
        (COSTED, {"location_code": "X"}, ("NOT_FOUND", ("locationCode",))),
        (COSTED, {"reference": " "}, ("INVALID", ("reference",))),
    ],
)
async def test_a_bad_receipt_names_the_field_and_changes_nothing(
    shop: Shop,
    line: ReceiptLine,
    facts: dict[str, str],
    expected: tuple[str, tuple[str, ...]],
) -> None:
    before = await counts(shop.database, *TABLES)
    code, field = expected
    assert codes(await _receive(shop, line, **facts)) == [(code, ("input", *field))]
    assert codes(await _receive(shop)) == [("INVALID", ("input", "lines"))]
    assert await counts(shop.database, *TABLES) == before


async def test_an_adjustment_compares_before_it_sets(shop: Shop) -> None:
    await shop.receive(5)
    before = await counts(shop.database, *TABLES)
    stale = await shop.adjust(-1, change_from_quantity=4)
    assert codes(stale) == [("STALE_QUANTITY", ("input", "changeFromQuantity"))]
    assert stale.refusals[0].details == {"expected": 4, "actual": 5}
    assert await counts(shop.database, *TABLES) == before
    assert not (await shop.adjust(-1, change_from_quantity=5)).refusals
    assert await shop.level() == {"available": 4}
    assert await _value(shop, "inventory_adjustments") == 400
    assert not (await shop.adjust(2, reason="FOUND")).refusals
    assert await _value(shop, "inventory") == 2400
    assert await faults(shop.database) == []


@pytest.mark.parametrize(
    ("delta", "facts", "expected"),
    [
        (0, {}, ("INVALID", ("delta",))),
        (-6, {}, ("INSUFFICIENT_STOCK", ("delta",))),
        # No level is made where the item never was.
        (-1, {"at": "YORK"}, ("INSUFFICIENT_STOCK", ("delta",))),
        (1, {"at": "YORK", "change_from_quantity": 2}, ("STALE_QUANTITY", ("changeFromQuantity",))),
        (-1, {"reason": "NOPE"}, ("NOT_FOUND", ("reasonCode",))),
        (-1, {"reason": "UNWANTED"}, ("NOT_FOUND", ("reasonCode",))),
        (-1, {"sku": "NOPE"}, ("NOT_FOUND", ("sku",))),
        (-1, {"at": "NOPE"}, ("NOT_FOUND", ("locationCode",))),
        (-1, {"state": StockState.HELD}, ("INVALID", ("state",))),
        (1, {"state": StockState.ALLOCATED}, ("INVALID", ("state",))),
        (10**12, {}, ("INVALID", ("delta",))),
    ],
)
async def test_a_bad_adjustment_names_the_field_and_changes_nothing(
    shop: Shop, delta: int, facts: dict[str, Any], expected: tuple[str, tuple[str, ...]]
) -> None:
    await shop.receive(5)
    before = await counts(shop.database, *TABLES)
    code, field = expected
    assert codes(await shop.adjust(delta, **facts)) == [(code, ("input", *field))]
    assert await counts(shop.database, *TABLES) == before


async def test_write_downs_add_up_per_actor_item_and_day(shop: Shop) -> None:
    await shop.receive(40)
    assert not (await shop.adjust(-12, by=CLERK)).refusals
    refused = await shop.adjust(-1, by=CLERK)
    assert codes(refused) == [("APPROVAL_REQUIRED", ("input", "delta"))]
    assert refused.refusals[0].details["version"] == 1
    other = holder(Role.WAREHOUSE, actor="wanda")
    assert not (await shop.adjust(-12, by=other)).refusals
    assert not (await shop.adjust(-1, by=holder(Role.SUPERVISOR, actor="sue"))).refusals
    shop.clock.forward(days=1)
    assert not (await shop.adjust(-1, by=CLERK)).refusals


async def test_units_of_unknown_cost_count_at_price(shop: Shop) -> None:
    assert not (await shop.adjust(20, reason="FOUND")).refusals
    assert codes(await shop.adjust(-6, by=CLERK)) == [("APPROVAL_REQUIRED", ("input", "delta"))]
    assert not (await shop.adjust(-5, by=CLERK)).refusals


async def test_moving_units_crosses_the_border_of_the_books(shop: Shop) -> None:
    await shop.receive(5)
    assert not (await shop.move(2, "AVAILABLE", "QUARANTINE")).refusals
    assert await _value(shop, "inventory") == 1200
    quality = "inventory_in_quality_control"
    assert await _value(shop, quality) == 800
    assert not (await shop.move(1, "QUARANTINE", "DAMAGED")).refusals
    assert await _value(shop, quality) == 800
    assert not (await shop.move(1, "QUARANTINE", "AVAILABLE")).refusals
    assert await _value(shop, quality) == 400
    assert await shop.level() == {"available": 4, "damaged": 1}
    assert await faults(shop.database) == []


@pytest.mark.parametrize(
    ("states", "units", "expected"),
    [
        (("AVAILABLE", "HELD"), 1, ("INVALID", ("toState",))),
        (("ALLOCATED", "AVAILABLE"), 1, ("INVALID", ("fromState",))),
        (("AVAILABLE", "AVAILABLE"), 1, ("INVALID", ("toState",))),
        (("AVAILABLE", "DAMAGED"), 0, ("INVALID", ("quantity",))),
        (("AVAILABLE", "DAMAGED"), 6, ("INSUFFICIENT_STOCK", ("quantity",))),
    ],
)
async def test_a_bad_move_names_the_field_and_changes_nothing(
    shop: Shop, states: tuple[str, str], units: int, expected: tuple[str, tuple[str, ...]]
) -> None:
    await shop.receive(5)
    before = await counts(shop.database, *TABLES)
    code, field = expected
    assert codes(await shop.move(units, *states)) == [(code, ("input", *field))]
    assert await counts(shop.database, *TABLES) == before


async def test_safety_stock_is_never_promised(shop: Shop) -> None:
    await shop.receive(5)
    command = SetSafetyStock("LEEDS", "TEE-M", 3)
    safety = workflows.stock.goods_receipts.set_safety_stock
    assert not (await shop.transactions.perform(safety, Request(command, ADMIN))).refusals
    assert await shop.atp() == 2
    assert codes(await shop.hold(("TEE-M", 3)))[0][0] == "INSUFFICIENT_STOCK"
    negative = Request(SetSafetyStock("LEEDS", "TEE-M", -1), ADMIN)
    outcome = await shop.transactions.perform(safety, negative)
    assert codes(outcome) == [("INVALID", ("input", "quantity"))]


async def test_a_foreign_location_does_not_exist(shop: Shop) -> None:
    await shop.receive(5)
    far = holder(Role.WAREHOUSE, actor="far", locations=frozenset({"YORK"}))
    assert codes(await shop.adjust(-1, by=far)) == [("NOT_FOUND", ("input", "locationCode"))]
    move = MoveStock("LEEDS", "TEE-M", StockState.AVAILABLE, StockState.DAMAGED, 1, "QUALITY")
    outcome = await shop.transactions.perform(workflows.stock.adjustments.move, Request(move, far))
    assert codes(outcome) == [("NOT_FOUND", ("input", "locationCode"))]


async def test_every_change_leaves_an_audit_row_that_covers_it(shop: Shop) -> None:
    await shop.receive(5)
    command = AdjustStock("LEEDS", "TEE-M", -1, "COUNT", note="behind the shelf")
    await shop.transactions.perform(workflows.stock.adjustments.adjust, Request(command, CLERK))
    found = await rows(
        shop.database,
        "SELECT actor, action, before, after, content_digest FROM audit_entry"
        " WHERE action = 'stockAdjust'",
    )
    assert found[0]["actor"] == "walt"
    assert '"available":5' in found[0]["before"].replace(" ", "")
    assert '"available":4' in found[0]["after"].replace(" ", "")
    assert "behind" not in str(found[0])
    assert len(found[0]["content_digest"]) == 64


async def test_a_level_holds_no_more_than_can_be_shown(shop: Shop) -> None:
    for _ in range(2):
        assert not (await _receive(shop, ReceiptLine("TEE-M", 10**9, Money(1, "GBP")))).refusals
    refused = await _receive(shop, ReceiptLine("TEE-M", 1, Money(1, "GBP")))
    assert [code for code, _ in codes(refused)] == ["LIMIT_EXCEEDED"]
    assert refused.refusals[0].details["allowed"] == 0
    assert await shop.level() == {"available": 2 * 10**9}
