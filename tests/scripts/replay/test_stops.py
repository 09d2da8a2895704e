"""Each end of a replay that no answer causes has a message."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.migrations.runner import migrate
from scripts.replay.client import Api, ApiFailed
from scripts.replay.server import ServerFailed, serving
from scripts.replay.stops import SIGNALS, Stopped, reason_of, until_stopped

PRINT = "from scripts.replay.stops import OutputConsole; OutputConsole().print('replay: 1 of 2')"


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_is_named(number: signal.Signals) -> None:
    async def work() -> None:
        os.kill(os.getpid(), number)
        await asyncio.sleep(60)

    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=number.name):
        await until_stopped(work())
    assert signal.getsignal(number) is before


async def test_an_ignored_signal_stays_ignored() -> None:
    """As under nohup."""

    async def work() -> str:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        return "whole"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert await until_stopped(work()) == "whole"
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_server_that_ends_is_named_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def recorded(*args: Any, **kwargs: Any) -> asyncio.subprocess.Process:
        started.append(await start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", recorded)
    url = f"sqlite://{tmp_path / 'replay.db'}"
    await migrate(url, "GBP")

    async def work() -> None:
        async with serving(url, "GBP") as (address, key):
            started[0].kill()
            api = Api(address, key, 1)
            try:
                await api.ask("{ items(first: 1) { nodes { id } } }", {})
            finally:
                await api.close()

    with pytest.raises(ServerFailed, match=r"ended with the code -9 \(no answer .*the end of"):
        await work()


def test_a_reader_of_the_output_that_has_gone_is_named() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-c", PRINT], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert found.returncode == 1
    assert found.stderr == "replay: stopped, because the reader of its output has gone\n"


def test_an_error_without_a_message_has_its_type() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
    assert reason_of(ApiFailed("no answer")) == "no answer"
