"""Report on returns and refunds, with the steps from the file's credits to the refunds paid."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from scripts.replay.event_file import Events
from scripts.replay.order_run import Replayed
from scripts.replay.return_plan import UNMATCHED
from scripts.replay.return_run import credited
from scripts.replay.totals import Count

NOTHING = Count()


def report_returns(console: Console, events: Events, replayed: Replayed) -> None:
    """Print returns by outcome, refunds by kind, and the steps from credits to refunds."""
    console.print(_outcomes(events, replayed))
    console.print(_refunds(events, replayed))
    console.print(_bridge(events, replayed))
    tally, done = replayed.tally, replayed.returns_done
    if tally.first_decline:
        console.print(f"the first declined request: {tally.first_decline}")
    if tally.previewed:
        console.print(
            f"policyPreview: the default policy of 30 days would decline"
            f" {tally.previewed_declined:,} more of the last {tally.previewed:,} requests"
        )
    console.print(
        f"returns: {done.authorized_by_hand:,} authorized by a person,"
        f" {done.second_inspections:,} inspected twice, {done.approvals:,} approvals of refunds"
    )
    console.print(f"books: trial balance {'zero' if tally.is_balanced else 'NOT ZERO'}")


def unexplained(events: Events, replayed: Replayed) -> Decimal:
    """The file's credits for goods minus all outcomes; an amount other than zero means a lost row.

    Every row that was read is in exactly one request or parcel. The requests are counted from the
    server's returns.
    """
    tally, done = replayed.tally, replayed.returns_done
    accounted = sum((count.worth for count in tally.returns.values()), Decimal(0))
    accounted += sum((credited(parcels) for parcels in done.parcels.values()), Decimal(0))
    return _credited_for_goods(events) - accounted


def _credited_for_goods(events: Events) -> Decimal:
    return sum((row.worth for row in events.returns), Decimal(0))


def _outcomes(events: Events, replayed: Replayed) -> Table:
    tally, done = replayed.tally, replayed.returns_done
    table = Table(title="\nReturns by outcome", title_justify="left")
    table.add_column("")
    for name in ("returns", "units", f"the file's credit, {events.currency}"):
        table.add_column(name, justify="right")
    for status, count in sorted(tally.returns.items()):
        _row(table, f"RMA, {status}", count)
    for why, parcels in sorted(done.parcels.items()):
        units = sum(row.units for parcel in parcels for row in parcel.rows)
        count = Count(len(parcels), units, credited(parcels))
        _row(table, f"no RMA, scrapped: {UNMATCHED[why]}", count)
    lost = unexplained(events, replayed)
    if lost:
        _row(table, "LOST", Count(0, 0, lost))
    outcomes = (f"{name} {units:,}" for name, units in sorted(tally.units.items()))
    table.caption = f"units of RMAs: {' · '.join(outcomes)}"
    return table


def _row(table: Table, name: str, count: Count) -> None:
    table.add_row(name, f"{count.times:,}", f"{count.units:,}", f"{count.worth:,.2f}")


def _refunds(events: Events, replayed: Replayed) -> Table:
    table = Table(title="\nRefunds", title_justify="left")
    table.add_column("")
    for name in ("refunds", events.currency):
        table.add_column(name, justify="right")
    for (kind, status), count in sorted(replayed.tally.refunds.items()):
        table.add_row(f"{kind}, {status}", f"{count.times:,}", f"{count.worth:,.2f}")
    return table


def _bridge(events: Events, replayed: Replayed) -> Table:
    table = Table(title="\nFrom the file's credits to the refunds paid", title_justify="left")
    table.add_column("")
    table.add_column(events.currency, justify="right")
    for name, amount in _steps(events, replayed):
        table.add_row(name, f"{amount:,.2f}")
    return table


def _steps(events: Events, replayed: Replayed) -> Iterator[tuple[str, Decimal]]:
    tally, done = replayed.tally, replayed.returns_done
    declined = tally.returns.get("DECLINED", NOTHING).worth
    taken = sum((c.worth for c in tally.returns.values()), Decimal(0)) - declined
    unmatched = sum((credited(parcels) for parcels in done.parcels.values()), Decimal(0))
    items = tally.components.get("items", Decimal(0))
    other = tally.paid("RETURN") - items
    fees = sum((fee.worth for fee in events.fee_refunds), Decimal(0))
    goodwill = tally.paid("GOODWILL")
    yield "the file's credits for goods after the hour", _credited_for_goods(events)
    yield "declined", -declined
    yield "unidentified parcels", -unmatched
    yield "difference between sales price and credit", tally.sold - taken
    yield "deductions: USED 20 %, DAMAGED 50 %, or no balance left", items - tally.sold
    yield "shipping of orders returned completely", other
    yield "= refunds of returns paid", tally.paid("RETURN")
    yield "the file's refunded fees", fees
    yield "not a sale, or no large enough order", goodwill - fees
    yield "= goodwill refunds paid", goodwill
    yield "refunds of units cancelled within the hour", tally.paid("CANCELLATION")
