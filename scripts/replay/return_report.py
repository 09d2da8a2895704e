"""What returns and refunds came to, and how the refunds lead back to the file's own total."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from scripts.replay.event_file import Events
from scripts.replay.order_run import Replayed
from scripts.replay.return_plan import UNMATCHED
from scripts.replay.return_run import worth_of
from scripts.replay.totals import Count

NOTHING = Count()


def report_returns(console: Console, events: Events, replayed: Replayed) -> None:
    """Print returns by outcome, refunds by kind, and the way from the file's total to theirs."""
    console.print(_outcomes(events, replayed))
    console.print(_refunds(events, replayed))
    console.print(_bridge(events, replayed))
    tally, gave = replayed.tally, replayed.gave_back
    if tally.first_decline:
        console.print(f"the first declined request: {tally.first_decline}")
    if tally.previewed:
        console.print(
            f"policyPreview: the default policy of 30 days would decline"
            f" {tally.previewed_declined:,} more of the last {tally.previewed:,} requests"
        )
    console.print(
        f"returns: {gave.authorized_by_hand:,} authorized by a person,"
        f" {gave.second_looks:,} seen by two inspectors, {gave.approvals:,} approvals of refunds"
    )
    console.print(f"books: trial balance {'zero' if tally.is_balanced else 'NOT ZERO'}")


def unexplained(events: Events, replayed: Replayed) -> Decimal:
    """The file's credits for goods less all that became of them: not zero is a row that is lost.

    Every row that was read is in exactly one request or parcel; requests are the server's own.
    """
    tally, gave = replayed.tally, replayed.gave_back
    became = sum((count.worth for count in tally.returns.values()), Decimal(0))
    became += sum((worth_of(parcels) for parcels in gave.parcels.values()), Decimal(0))
    return _given_for_goods(events) - became


def _given_for_goods(events: Events) -> Decimal:
    return sum((row.worth for row in events.returns), Decimal(0))


def _outcomes(events: Events, replayed: Replayed) -> Table:
    tally, gave = replayed.tally, replayed.gave_back
    table = Table(title="\nReturns by outcome", title_justify="left")
    table.add_column("")
    for name in ("returns", "units", f"the file's credit, {events.currency}"):
        table.add_column(name, justify="right")
    for status, count in sorted(tally.returns.items()):
        _row(table, f"RMA, {status}", count)
    for why, parcels in sorted(gave.parcels.items()):
        units = sum(row.units for parcel in parcels for row in parcel.rows)
        _row(
            table,
            f"no RMA, in quarantine: {UNMATCHED[why]}",
            Count(len(parcels), units, worth_of(parcels)),
        )
    lost = unexplained(events, replayed)
    if lost:
        _row(table, "LOST", Count(0, 0, lost))
    told = (f"{name} {units:,}" for name, units in sorted(tally.units.items()))
    table.caption = f"units of RMAs: {' · '.join(told)}"
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
    tally, gave = replayed.tally, replayed.gave_back
    declined = tally.returns.get("DECLINED", NOTHING).worth
    taken = sum((c.worth for c in tally.returns.values()), Decimal(0)) - declined
    unmatched = sum((worth_of(parcels) for parcels in gave.parcels.values()), Decimal(0))
    items = tally.components.get("items", Decimal(0))
    other = tally.paid("RETURN") - items
    fees = sum((fee.worth for fee in events.fees_back), Decimal(0))
    goodwill = tally.paid("GOODWILL")
    yield "the file's credits for goods after the hour", _given_for_goods(events)
    yield "declined", -declined
    yield "nobody can match", -unmatched
    yield "sold at another price than credited", tally.sold - taken
    yield "kept back: USED 20 %, DAMAGED 50 %, or no more was left", items - tally.sold
    yield "shipping of orders that came back whole", other
    yield "= refunds of returns paid", tally.paid("RETURN")
    yield "the file's fees given back", fees
    yield "no trade, or no order that can bear them", goodwill - fees
    yield "= goodwill refunds paid", goodwill
    yield "refunds of what was cancelled within the hour", tally.paid("CANCELLATION")
