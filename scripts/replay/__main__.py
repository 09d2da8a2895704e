"""Replay a retail event file through the public API of a server of its own, then reconcile.

Usage: make replay FILE=events.csv.gz [LIMIT=orders] [FLOOR=1]

With FLOOR=1 every order is picked, packed and shipped by scans, and levels are counted.

Exit code 0 if the server accepted every order of the file and the books balance, else 1. Each other
end has a message: an answer, a lost server, a signal, or a reader of the output that has gone.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError
from scripts.replay.client import Api, ApiFailed, Refused
from scripts.replay.event_file import Events, FileUnreadable, read
from scripts.replay.floor_run import FloorReplay
from scripts.replay.order_run import Replay, Replayed
from scripts.replay.report import is_complete, report
from scripts.replay.server import ServerFailed, prepare_database, serving
from scripts.replay.stops import OutputConsole, Stopped, reason_of, until_stopped
from workflows.ledger.reconciliation import Difference, reconcile

FILE_VARIABLE = "RESTOW_REPLAY_FILE"
LINES_SHOWN = 20


class Rate(ProgressColumn):
    """Orders per second since the start."""

    def render(self, task: Task) -> Text:
        """Show the rate, or a dash before there is one."""
        elapsed = task.finished_time if task.finished else task.elapsed
        rate = f"{task.completed / elapsed:,.0f} orders/s" if elapsed else "–"
        return Text(rate, style="cyan")


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """Show progress: on a terminal a bar with rate and time left, else a line for each
    twentieth."""
    if not console.is_terminal:
        yield _lines(console, total)
        return
    columns = (
        TextColumn("Replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("orders", total=total)
        yield lambda: bar.advance(task)


def _lines(console: Console, total: int) -> Callable[[], None]:
    started, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done * LINES_SHOWN // total > (done - 1) * LINES_SHOWN // total:
            rate = done / max(time.monotonic() - started, 1e-9)
            console.print(
                f"replay: {done:,} of {total:,} orders, {rate:,.1f} per second,"
                f" {(total - done) / rate:,.0f} s left"
            )

    return advance


async def replay(
    events: Events, at_once: int, console: Console, kind: type[Replay] = Replay
) -> tuple[Replayed, list[Difference]]:
    """Replay the events into an empty database, then prove its books.

    Raises ServerFailed, ApiFailed, DatabaseError or MigrationError.
    """
    url = await prepare_database(events.currency)
    async with serving(url, events.currency) as (address, key):
        server = Api(address, key, at_once)
        try:
            with progress(console, len(events.orders)) as advance:
                replayed = await kind(server, events, at_once=at_once, advance=advance).run()
        finally:
            await server.close()
    database = Database(url)
    await database.open()
    try:
        console.print("replay: reconciling")
        return replayed, await reconcile(database)
    finally:
        await database.close()


def main(
    file: Annotated[str, typer.Argument(help="retail events, .csv or .csv.gz")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="replay only the first orders")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="concurrent requests")] = 8,
    floor: Annotated[bool, typer.Option("--floor", help="work by scans on a floor")] = False,
) -> None:
    """Replay a retail event file through the public API, then prove the books."""
    console = OutputConsole(highlight=False)
    path = file or os.environ.get(FILE_VARIABLE, "")
    if not path:
        sys.exit(
            "replay: no file is given; run make replay FILE=events.csv.gz [LIMIT=orders] [FLOOR=1]"
        )
    try:
        console.print(f"replay: reading {path}")
        events = read(Path(path), limit)
        if not events.orders:
            sys.exit(f"replay: {path} has no orders")
        kind = FloorReplay if floor else Replay
        work = until_stopped(replay(events, at_once, console, kind))
        replayed, differences = asyncio.run(work)
    except (FileUnreadable, ServerFailed, ApiFailed, Refused, Stopped) as error:
        sys.exit(f"replay: {reason_of(error)}")
    except (DatabaseError, MigrationError, OSError) as error:
        sys.exit(f"replay: {reason_of(error)}")
    report(console, events, replayed, differences)
    if differences or not is_complete(events, replayed):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
