"""Closing of periods: once, never in the future; no entry is booked into a closed period."""

import asyncio
from datetime import timedelta

import pytest

import workflows.orders.shipments as shipments
from domain.access.callers import Role, holder
from domain.errors import Forbidden
from domain.ledger.entries import Occasion, payment_captured
from domain.values.money import Money
from models.database.database import Database
from models.database.sessions import CheckFailed
from tests.builders.refunds import FIONA, RefundDesk, open_refund_desk
from tests.builders.transactions import MORNING, codes, counts, events, rows
from workflows.orders.shipments import ShipFulfillment
from workflows.transactions.outcomes import Request
from workflows.transactions.transaction import Transaction

INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def test_closing_is_stored_and_an_event(refund_desk: RefundDesk) -> None:
    through = MORNING - timedelta(days=1)
    closed = await refund_desk.close_books(through)
    assert not closed.refusals
    [period] = await rows(refund_desk.database, "SELECT * FROM period_close")
    assert str(period["id"]) == closed.refs["period"]
    assert (period["through_at"], period["closed_at"], period["closed_by"]) == (
        through,
        MORNING,
        "fiona",
    )
    assert len(await events(refund_desk.database, "period.closed")) == 1


async def test_what_is_closed_or_lies_ahead_cannot_be_closed(refund_desk: RefundDesk) -> None:
    through = MORNING - timedelta(days=1)
    await refund_desk.close_books(through)
    before = await counts(refund_desk.database, "period_close", "event")
    for wrong in (through, through - timedelta(days=1), MORNING + timedelta(seconds=1)):
        assert codes(await refund_desk.close_books(wrong)) == [("PERIOD_CLOSED", ("through",))]
    assert await counts(refund_desk.database, "period_close", "event") == before
    assert not (await refund_desk.close_books(through + INSTANT)).refusals


async def test_who_sees_a_part_of_the_books_cannot_close_them(refund_desk: RefundDesk) -> None:
    narrow = holder(Role.FINANCE, actor="nina", channels=frozenset({"web"}))
    with pytest.raises(Forbidden):
        await refund_desk.close_books(MORNING - timedelta(days=1), narrow)


async def test_a_fact_of_a_closed_period_counts_from_its_end_and_keeps_its_time(
    refund_desk: RefundDesk,
) -> None:
    order = await refund_desk.shop.place(("TEE-M", 1))
    [parcel] = await refund_desk.shop.fulfillments(order)
    refund_desk.shop.clock.forward(hours=3)
    through = MORNING + timedelta(hours=2)
    assert not (await refund_desk.close_books(through)).refusals
    happened = MORNING + timedelta(hours=1)
    before = await rows(refund_desk.database, "SELECT id FROM journal_entry")
    command = ShipFulfillment(parcel["id"], "DHL", "JD1", shipped_at=happened)
    request = Request(command, FIONA)
    assert not (await refund_desk.shop.transactions.perform(shipments.ship, request)).refusals
    known = {row["id"] for row in before}
    entries = await rows(refund_desk.database, "SELECT * FROM journal_entry")
    [entry] = [each for each in entries if each["id"] not in known]
    assert entry["effective_at"] == through + INSTANT
    assert happened.isoformat() in entry["memo"]


async def test_a_close_is_never_changed(refund_desk: RefundDesk) -> None:
    await refund_desk.close_books(MORNING - timedelta(days=1))
    with pytest.raises(CheckFailed):
        async with refund_desk.database.writer() as session:
            await session.execute("DELETE FROM period_close")


async def test_a_booking_during_a_close_never_enters_the_closed_period(
    refund_desk: RefundDesk,
) -> None:
    """A booking has started when the period is closed: one of the two waits for the other.

    Whichever ends first, no entry of the period is written after the close.
    """
    transactions, through = refund_desk.shop.transactions, MORNING - timedelta(hours=1)
    began, may_end = asyncio.Event(), asyncio.Event()

    async def add_rows(tx: Transaction) -> None:
        occasion = Occasion("R-1", through - timedelta(hours=1))
        tx.journal.post(payment_captured(Money(100, "GBP"), occasion), actor="fiona")
        await tx.journal.add_rows()
        began.set()
        await may_end.wait()

    pending = asyncio.create_task(transactions.run(add_rows))
    await began.wait()
    closing = asyncio.create_task(refund_desk.close_books(through))
    await asyncio.sleep(0.1)
    assert not closing.done()
    may_end.set()
    await pending
    assert not (await closing).refusals
    [before] = await rows(
        refund_desk.database, "SELECT effective_at FROM journal_entry WHERE reference = 'R-1'"
    )
    assert before["effective_at"] == through - timedelta(hours=1)
    began.clear()
    await transactions.run(add_rows)
    entries = await rows(
        refund_desk.database,
        "SELECT effective_at FROM journal_entry WHERE reference = 'R-1' ORDER BY effective_at",
    )
    assert [row["effective_at"] for row in entries] == [
        through - timedelta(hours=1),
        through + INSTANT,
    ]
