"""Reconciliation: no difference by itself, one line for each manipulation."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

import models.queries.events.event_log as event_log
import models.queries.events.leases as leases
import models.queries.proofs.invariants as invariants
import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from models.database.database import Database
from models.queries.proofs.digests import DIGESTED
from scripts.reconcile import prove
from tests.builders.payloads import TestDone
from tests.builders.store import Shop, open_shop
from tests.builders.tampering import tamper
from tests.workflows.carriers.test_label_reconciliation import BREAKS as LABEL_BREAKS
from tests.workflows.carriers.test_reconciliation import BREAKS as PARCEL_BREAKS
from tests.workflows.continuity.test_outages import BREAKS as OUTAGE_BREAKS
from tests.workflows.continuity.test_playbook_proofs import BREAKS as PLAYBOOK_BREAKS
from tests.workflows.counts.test_promised_units import BREAKS as HELD
from tests.workflows.counts.test_proofs import BREAKS as COUNT_BREAKS
from tests.workflows.ledger.test_sealing import BREAKS as CHAIN_BREAKS
from tests.workflows.orders.test_causes import BREAKS as CAUSE_BREAKS
from tests.workflows.orders.test_change_times import BREAKS as TIME_BREAKS
from tests.workflows.orders.test_fulfillment_holds import BREAKS as HOLD_BREAKS
from tests.workflows.refunds.money.test_money_proofs import BREAKS as MONEY_BREAKS
from tests.workflows.refunds.test_chargeback_proofs import BREAKS as CHARGEBACK_BREAKS
from tests.workflows.refunds.test_found_parcels import BROKEN as FOUND_PROOF
from tests.workflows.refunds.test_reconciliation import BREAKS as REFUND_BREAKS
from tests.workflows.refunds.test_unearned_units import BREAKS as UNEARNED_BREAKS
from tests.workflows.returns.test_costs import BROKEN as COST_PROOF
from tests.workflows.returns.test_reconciliation import BREAKS as RETURN_BREAKS
from tests.workflows.rollout.test_rollout_proofs import BREAKS as ROLLOUT_BREAKS
from tests.workflows.stock.test_bin_proofs import BREAKS as BIN_BREAKS
from tests.workflows.transfers.test_transfer_proofs import BREAKS as TRANSFER_BREAKS
from tests.workflows.warehouse.test_dispatch import BREAKS as SCAN_BREAKS
from tests.workflows.webhooks.test_webhook_proofs import BREAKS as WEBHOOK_BREAKS
from workflows.ledger.reconciliation import OTHERS, Difference, proof_count, reconcile
from workflows.transactions.transaction import Transaction


async def _number(tx: Transaction) -> None:
    """Assign positions to the pending events, as the sequencer does."""
    await leases.make_lease(tx.session, "sequencer", tx.now)
    await event_log.number_pending(tx.session, "sequencer", "test", tx.now, tx.now, 10_000)


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store with data of every kind, and one event without a position."""
    shop = await open_shop(database)
    await shop.receive(10)
    await shop.receive(3, "TEE-S", "YORK")
    await shop.receive(4, "COAT")
    await shop.hold(("TEE-M", 2))
    placed = await shop.place(("TEE-M", 3), ("TEE-S", 1), reference="W-1")
    parcels = {each["location"]: each["id"] for each in await shop.fulfillments(placed)}
    assert not (await shop.ship(parcels["LEEDS"])).refusals
    waiting = await shop.place(("TEE-L", 2), ("COAT", 2), reference="W-2", backorder=True)
    assert not waiting.refusals
    held = await shop.hold(("TEE-M", 1))
    assert not (await shop.place(("TEE-M", 1), reference="W-3", hold=held)).refusals
    line = (await shop.lines(waiting))[0]
    assert not (await shop.cancel(waiting, (str(line["id"]), 1))).refusals
    assert not (await shop.adjust(-1)).refusals
    assert not (await shop.adjust(2, "TEE-S", "YORK")).refusals
    assert not (await shop.move(2, "AVAILABLE", "QUARANTINE")).refusals
    assert not (await shop.move(1, "QUARANTINE", "AVAILABLE")).refusals

    async def open_exception(tx: Transaction) -> None:
        for number in (1, 2):
            subject = ("Order", UUID(int=number))
            await exceptions.open_exception(tx, ExceptionKind.OVERSOLD, subject, "Too many.")

    await shop.transactions.run(open_exception)
    await shop.transactions.run(_number)
    assert not (await shop.adjust(1)).refusals
    return shop


async def test_honest_trade_leaves_no_difference(shop: Shop) -> None:
    assert await reconcile(shop.database) == []


async def test_an_empty_database_has_no_difference(database: Database) -> None:
    assert await reconcile(database) == []


LEVEL = "(SELECT MIN(id) FROM stock_level)"
TEE = "(SELECT id FROM item WHERE sku = 'TEE-M')"
W1, W2 = (
    (f"(SELECT id FROM sales_order WHERE external_reference = '{r}')") for r in ("W-1", "W-2")
)

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a column": (
        (f"UPDATE stock_level SET available = available + 5 WHERE id = {LEVEL}",),
        "stock = movements in − out",
        "TEE-M @ LEEDS available: expected 3, found 8",
    ),
    "a movement that is gone": (
        ("DELETE FROM stock_movement WHERE kind = 'SHIPPED'",),
        "stock = movements in − out",
        "allocated: expected",
    ),
    "a level that is gone": (
        ("DELETE FROM stock_level WHERE item_id = (SELECT id FROM item WHERE sku = 'COAT')",),
        "stock = movements in − out",
        "COAT @ LEEDS allocated: expected 2, found 0",
    ),
    "a hold's line": (
        ("UPDATE reservation_line SET quantity = quantity + 1",),
        "held = lines of unreleased holds",
        "TEE-M @ LEEDS held: expected 3, found 2",
    ),
    "a hold ended by hand": (
        ("UPDATE reservation SET status = 'EXPIRED' WHERE status = 'HELD'",),
        "held = lines of unreleased holds",
        "TEE-M @ LEEDS held: expected 0, found 2",
    ),
    "a line that is held longer than its hold": (
        ("UPDATE reservation_line SET held_until_at = '2030-01-01 00:00:00.000000+00:00'",),
        "lines are held until the end of their hold",
        "line 0: expected held until the end of its hold, found held until 2030-01-01",
    ),
    "a line that ended before its hold": (
        ("UPDATE reservation_line SET held_until_at = NULL",),
        "lines are held until the end of their hold",
        "line 0: expected held until the end of its hold, found ended",
    ),
    "an open parcel's line": (
        (
            f"UPDATE fulfillment_line SET quantity = 9 WHERE item_id = {TEE} AND fulfillment_id IN"
            " (SELECT id FROM fulfillment WHERE status = 'OPEN')",
        ),
        "allocated = open fulfillments and requested transfers",
        "TEE-M @ LEEDS allocated: expected 9, found 1",
    ),
    "an order line's states": (
        (f"UPDATE order_line SET delivered = 1 WHERE order_id = {W1} AND line_no = 1",),
        "order line states add up",
        "line 1: expected 1, found 2",
    ),
    "an order line that says it shipped": (
        (
            "UPDATE order_line SET allocated = 0, shipped = shipped + 2"
            f" WHERE order_id = {W2} AND line_no = 1",
        ),
        "order line states = fulfillments",
        "line 1: expected allocated 2, picked 0, packed 0, shipped 0, delivered 0, lost 0,"
        " found allocated 0, picked 0, packed 0, shipped 2,",
    ),
    "a parcel in a foreign order": (
        (f"UPDATE fulfillment SET order_id = {W1} WHERE order_id = {W2}",),
        "fulfillments hold their own order's lines",
        "line 1: expected a fulfillment of this order and item",
    ),
    "an order's status": (
        (f"UPDATE sales_order SET status = 'DELIVERED' WHERE id = {W1}",),
        "order status follows from its lines",
        "expected PARTIALLY_SHIPPED, found DELIVERED",
    ),
    "an order's total": (
        (f"UPDATE sales_order SET total_minor = total_minor + 1 WHERE id = {W1}",),
        "order total = its lines and shipping",
        "expected 4000, found 4001",
    ),
    "a payment beyond the order": (
        (f"UPDATE order_payment SET amount_minor = 4001 WHERE order_id = {W1}",),
        "payments are within the order",
        "expected at most 4000, found 4001",
    ),
    "a payment in francs": (
        (f"UPDATE order_payment SET currency = 'CHF' WHERE order_id = {W1}",),
        "payments are in the order's currency",
        "expected GBP, found CHF",
    ),
    "an order's deposit": (
        (f"UPDATE sales_order SET deposit_minor = 1 WHERE id = {W1}",),
        "deposits = journal of the order",
        "expected 1000, found 1",
    ),
    "deposits on the account of nobody": (
        ("UPDATE sales_order SET deposit_minor = deposit_minor + 1",),
        "deposits = account",
        "customer_deposits GBP: expected -",
    ),
    "a hold of an order that never was": (
        (
            "UPDATE reservation SET order_id = '00000000-0000-0000-0000-000000000001'"
            " WHERE status = 'COMMITTED'",
        ),
        "committed holds have an order",
        "expected an order, found 00000000-0000-0000-0000-000000000001",
    ),
    "units of an item's cost": (
        (f"UPDATE item_cost SET quantity = quantity + 1 WHERE item_id = {TEE}",),
        "item cost = units in inventory",
        "TEE-M quantity: expected 6, found 7",
    ),
    "units of an item's cost in quality control": (
        (f"UPDATE item_cost SET quality_quantity = 0 WHERE item_id = {TEE}",),
        "item cost = units in quality control",
        "TEE-M quality_quantity: expected 1, found 0",
    ),
    "an item's value": (
        (f"UPDATE item_cost SET value_minor = value_minor + 7 WHERE item_id = {TEE}",),
        "inventory = item values",
        "inventory GBP: expected",
    ),
    "an item's value in quality control": (
        (f"UPDATE item_cost SET quality_value_minor = 1 WHERE item_id = {TEE}",),
        "inventory in quality control = item values",
        "inventory_in_quality_control GBP: expected 1, found 400",
    ),
    "a journal line": (
        (
            "UPDATE journal_line SET credit_minor = credit_minor + 1"
            " WHERE account = 'customer_deposits' AND credit_minor = 4000",
        ),
        "journal entries balance",
        "GBP: expected debits of 4000, found credits of 4001",
    ),
    "an entry without lines": (
        (
            "DELETE FROM journal_line WHERE entry_id ="
            " (SELECT entry_id FROM journal_line WHERE account = 'sales')",
        ),
        "journal entries have lines",
        "expected lines, found none",
    ),
    "an event that is nowhere": (
        ("DELETE FROM event_pending",),
        "events have a position or are pending",
        "expected a position, or pending, found neither",
    ),
    "an event that is numbered and pending": (
        ("INSERT INTO event_pending (event_id) VALUES (1)",),
        "events have a position or are pending",
        "event 1: expected a position, or pending, found both",
    ),
    "a position that is gone": (
        ("DELETE FROM event_position WHERE position = 3",),
        "positions have no gaps",
        "position 3: expected an event, found a gap",
    ),
    "a sequencer that fell behind": (
        ("UPDATE lease SET counter = 1",),
        "the sequencer stands at the last position",
        "found 1",
    ),
    "positions against the order of facts": (
        (
            "UPDATE event SET subject_key = '1', subject_type = 'Order',"
            " subject_version = 3 - id WHERE id IN (1, 2)",
            "UPDATE event_position SET position = -position WHERE event_id IN (1, 2)",
            "UPDATE event SET subject_version = id WHERE id IN (1, 2)",
        ),
        "positions follow the versions of a subject",
        "event 2: expected a position behind -1, found -2",
    ),
    "a key without an outcome": (
        (
            "INSERT INTO idempotency_key (id, actor, key, action, arguments_hash, created_at)"
            " VALUES ('00000000-0000-0000-0000-000000000001', 'walt', 'k1', 'stockReceive', '',"
            " '2026-03-02 09:00:00.000000+00:00')",
        ),
        "idempotency keys are settled",
        "walt k1: expected an outcome, found none",
    ),
    "two open exceptions": (
        (
            "DROP INDEX operational_exception_open",
            "UPDATE operational_exception SET subject_key = 'Order:1'",
        ),
        "one open exception per kind and subject",
        "OVERSOLD Order:1: expected 1 open, found 2",
    ),
    "a task that somebody closed by hand": (
        ("UPDATE task SET status = 'DONE' WHERE status = 'OPEN'",),
        "open tasks = open steps",
        "@ LEEDS: expected 1 to do, found 0",
    ),
    "a fulfillment that went on by itself": (
        ("UPDATE fulfillment SET status = 'PACKED' WHERE status = 'OPEN'",),
        "open tasks = open steps",
        "@ YORK: expected 0 to do, found 1",
    ),
    "a movement's reference": (
        ("UPDATE stock_movement SET reference = 'PO-2' WHERE kind = 'RECEIVED'",),
        "stock_movement digests",
        "expected",
    ),
    "an entry's memo": (
        ("UPDATE journal_entry SET memo = memo || '!'",),
        "journal_entry digests",
        "expected",
    ),
    "a journal line's account": (
        ("UPDATE journal_line SET account = 'write_offs' WHERE account = 'sales'",),
        "journal_entry digests",
        "expected",
    ),
    "an event's data": (
        ("""UPDATE event SET data = '{"number": 1}' WHERE type = 'order.placed'""",),
        "event digests",
        "expected",
    ),
    "who did it": (
        ("UPDATE audit_entry SET actor = 'somebody else' WHERE action = 'stockAdjust'",),
        "audit_entry digests",
        "expected",
    ),
    "what it was before": (
        ("UPDATE audit_entry SET before = NULL WHERE action = 'stockAdjust'",),
        "audit_entry digests",
        "expected",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(shop: Shop, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(shop.database.url, *statements)
    found = [str(each) for each in await reconcile(shop.database)]
    named = [text for text in found if text.startswith(f"{proof}: ")]
    assert any(line in text for text in named), found


def test_every_proof_is_broken_once() -> None:
    digests = {f"{table} digests" for table in DIGESTED}
    breaks = (
        BREAKS,
        BIN_BREAKS,
        CAUSE_BREAKS,
        CHARGEBACK_BREAKS,
        MONEY_BREAKS,
        *(OUTAGE_BREAKS, PARCEL_BREAKS, PLAYBOOK_BREAKS),
        *(REFUND_BREAKS, RETURN_BREAKS, ROLLOUT_BREAKS),
        TIME_BREAKS,
        WEBHOOK_BREAKS,
    )
    names = {proof for each in breaks for _, proof, _ in each.values()}
    of_the_floor = (COUNT_BREAKS, HELD, HOLD_BREAKS, LABEL_BREAKS, SCAN_BREAKS, TRANSFER_BREAKS)
    names |= {proof for each in of_the_floor for _, proof, _ in each.values()}
    names |= {proof for _, proof, _ in CHAIN_BREAKS.values()}
    # Some of these have tests of their own: test_audit_cover.py, test_code_keys.py, test_search.py
    # and test_sealing.py.
    names |= {*UNEARNED_BREAKS, COST_PROOF, FOUND_PROOF, *OTHERS}
    assert names == {p.name for p in invariants.PROOFS} | digests | set(OTHERS)
    assert proof_count() == len(names)


async def test_many_differences_are_bounded(database: Database) -> None:
    count = invariants.DIFFERENCES_MAX + 5

    async def work(tx: Transaction) -> None:
        for number in range(count):
            tx.outbox.record(TestDone(), number, actor="test")

    shop = await open_shop(database)
    await shop.transactions.run(work)
    await tamper(database.url, "UPDATE event SET actor = 'else' WHERE type = 'test.done'")
    found = [each for each in await reconcile(database) if each.proof == "event digests"]
    assert len(found) == invariants.DIFFERENCES_MAX + 1
    assert found[-1] == Difference("event digests", "more", "no more", "more than are listed")


async def test_the_command_says_so_and_how_much_it_looked_at(shop: Shop) -> None:
    found, summary = await prove(shop.database.url)
    assert found == []
    assert summary.startswith(f"{proof_count()} proofs over ")
    root = Path(__file__).parents[3]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "scripts.reconcile"],
            cwd=root,
            env={"RESTOW_DATABASE_URL": shop.database.url},
            capture_output=True,
            text=True,
            check=False,
        )

    clean = run()
    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.startswith("reconcile: no differences; ")
    await tamper(shop.database.url, BREAKS["an order's status"][0][0])
    broken = run()
    assert broken.returncode == 1
    assert "expected PARTIALLY_SHIPPED, found DELIVERED" in broken.stdout
    number = len(broken.stdout.splitlines())
    assert broken.stderr.startswith(f"reconcile: {number} differences; ")
