"""Summary of a replay: totals of server and file side by side, findings, made-up data."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from scripts.replay.event_file import Events
from scripts.replay.floor.figures import report_floor
from scripts.replay.order_plan import RULES
from scripts.replay.order_run import Replayed
from scripts.replay.return_plan import RETURN_RULES
from scripts.replay.return_report import report_returns, unexplained
from workflows.ledger.reconciliation import Difference

DIFFERENCES_SHOWN = 20


def planned_money(events: Events) -> Decimal:
    """Expected total of all orders in the file's currency: goods and shipping."""
    minor = sum(
        order.shipping_minor + sum(line.quantity * line.price_minor for line in order.lines)
        for order in events.orders.values()
    )
    return Decimal(minor) / 100


def is_complete(events: Events, replayed: Replayed) -> bool:
    """True if the server accepted every order, correction and return of the plan, to the penny."""
    return not shortfalls(events, replayed)


def shortfalls(events: Events, replayed: Replayed) -> list[str]:
    """The differences between the plan and what the server has done, as text."""
    pairs: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        ("requests refused", 0, replayed.refusals.total()),
        ("orders", len(events.orders), replayed.orders),
        ("money of orders", planned_money(events), replayed.money),
        ("corrections", len(events.corrections), replayed.corrections),
        ("units cancelled", _cancelled_units(events), replayed.cancelled_units),
        ("credits without an outcome", 0, unexplained(events, replayed)),
    )
    found = [
        f"{name}: {ours:,}, where {theirs:,} are planned"
        for name, theirs, ours in pairs
        if ours != theirs
    ]
    if not replayed.tally.is_settled:
        found.append("some returns are not closed, or some refunds not paid")
    if not replayed.tally.is_balanced:
        found.append("the trial balance is not zero")
    if replayed.floor is not None and (differing := replayed.floor.disagreements()):
        found.append(f"{len(differing):,} shelves or figures differ")
    return found


def _cancelled_units(events: Events) -> int:
    return sum(line.cancelled for order in events.orders.values() for line in order.lines)


def report(
    console: Console, events: Events, replayed: Replayed, differences: Sequence[Difference]
) -> None:
    """Print the summary."""
    console.print()
    console.print("Data that the file lacks is made up by these rules:")
    for rule in (*RULES, *RETURN_RULES):
        console.print(f"  · {rule}")
    console.print(_totals(events, replayed))
    report_returns(console, events, replayed)
    console.print(_findings(events))
    if replayed.floor is not None:
        report_floor(console, replayed.floor)
    for code, count in replayed.refusals.most_common():
        console.print(f"refused {count:,} × {code}, first: {replayed.first_refusal[code]}")
    rate = replayed.orders / replayed.seconds if replayed.seconds else 0
    console.print(
        f"replay: {replayed.orders:,} orders, {replayed.lines:,} lines,"
        f" {replayed.parcels:,} parcels, {replayed.corrections:,} corrections and"
        f" {replayed.credit_notes:,} credit notes"
        f" in {replayed.seconds:,.1f} s:"
        f" {rate:,.1f} orders per second"
    )
    for shortfall in shortfalls(events, replayed):
        console.print(f"not as planned: {shortfall}")
    for difference in differences[:DIFFERENCES_SHOWN]:
        console.print(f"  {difference}")
    words = f"{len(differences):,} differences" if differences else "clean"
    console.print(f"reconcile: {words}")


def _totals(events: Events, replayed: Replayed) -> Table:
    totals, findings = events.totals, events.findings
    fees = totals.money.get("fee", Decimal(0)) - findings.money.get(
        "fees without goods: left out", Decimal(0)
    )
    goods = totals.money.get("order", Decimal(0))
    planned = sum(len(order.lines) for order in events.orders.values())
    table = Table(title="\nTotals", title_justify="left")
    table.add_column("")
    for name in ("file", "replayed", "difference"):
        table.add_column(name, justify="right")
    rows: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        ("orders", len(events.orders), replayed.orders),
        ("order lines", totals.rows["order"], replayed.lines),
        ("units ordered", totals.units["order"], replayed.units),
        (f"goods and their fees, {events.currency}", goods + fees, replayed.money),
        ("units cancelled within the hour", _cancelled_units(events), replayed.cancelled_units),
        ("corrections", totals.rows["adjust"], replayed.corrections),
        ("units corrected, net", totals.units["adjust"], replayed.corrected_units),
    )
    for name, theirs, ours in rows:
        table.add_row(name, f"{theirs:,}", f"{ours:,}", f"{ours - theirs:,}")
    table.caption = (
        f"{planned:,} lines planned · {replayed.items:,} items ·"
        f" {replayed.delivered_units:,} units delivered in cases"
    )
    return table


def _findings(events: Events) -> Table:
    table = Table(title="\nIrregular rows and their treatment", title_justify="left")
    table.add_column("count", justify="right")
    table.add_column(f"worth, {events.currency}", justify="right")
    table.add_column("kind: rule")
    for kind, count in events.findings.counts.most_common():
        money = events.findings.money[kind]
        table.add_row(f"{count:,}", f"{money:,.2f}" if money else "", kind)
    return table
