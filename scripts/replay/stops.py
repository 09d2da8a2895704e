"""Ends of a replay that no answer of the server causes, each with a message of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from rich.console import Console

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


class Stopped(RuntimeError):
    """A signal has stopped the replay."""


class OutputConsole(Console):
    """A console that names the reason if the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        """Write the reason to the standard error, then exit as rich does."""
        sys.stderr.write("replay: stopped, because the reader of its output has gone\n")
        super().on_broken_pipe()


async def until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. A signal cancels it. Raises Stopped with the signal's name.

    Signals that this process was started to ignore stay ignored, as under nohup.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        raise Stopped(f"stopped by the signal {received[0].name}") from None
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def reason_of(error: BaseException) -> str:
    """The message of an error, or its type if it has none: a time-out has no message."""
    return str(error) or type(error).__name__
