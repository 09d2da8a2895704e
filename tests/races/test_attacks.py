"""Attacks on a real process: `/healthz` answers in time, and the memory comes back.

RESTOW_LONG=1 attacks for 20 seconds instead of 3.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import pytest

from tests.races.server_processes import ITEMS, KEY, Cluster
from tests.server.raw_http import connected
from tests.subscriptions.log.facts import until

SECONDS = 20 if os.environ.get("RESTOW_LONG") == "1" else 3
HEALTHY_SECONDS = 0.25
STALL_SECONDS = 2.0  # of a single answer, on a machine that does other work too
MEBIBYTE = 1024 * 1024
HEAD = b"POST /graphql HTTP/1.1\r\nhost: restow\r\ncontent-type: application/json\r\n"
CLIENTS = 300

Attack = Callable[[int], Coroutine[Any, Any, None]]
Report = Callable[[str], None]


async def header_without_end(port: int) -> None:
    """Send 100 MB of one header, or what the server takes of it."""
    async with connected(port) as client:
        await client.send(HEAD + b"a: ")
        for _ in range(1_600):
            await client.send(b"x" * 65_536)


async def bodies_without_end(port: int) -> None:
    """Hold 60 bodies of 4 MiB open, each but for its last byte, with a valid key."""

    async def hold() -> None:
        async with connected(port) as client:
            head = f"authorization: Bearer {KEY}\r\ncontent-length: {4 * MEBIBYTE}\r\n\r\n"
            await client.send(HEAD + head.encode(), *([b" " * 65_536] * 63))
            await client.rest()

    await asyncio.gather(*(hold() for _ in range(60)), return_exceptions=True)


async def documents_without_key(port: int) -> None:
    """Send documents of 8 kB that are all new, without a key."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        for number in range(25):
            fields = " ".join(f"a{number}_{each}: role" for each in range(80))
            text = f"{{ viewer {{ {fields} }} }} #{'x' * 6_000}"
            assert (await client.post("/graphql", json={"query": text})).status_code in (401, 429)


async def wrong_keys(port: int) -> None:
    """Log in with keys that do not exist."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        for number in range(50):
            key = f"rsk_{number:012}_" + "w" * 43
            answer = await client.post(
                "/graphql",
                json={"query": "{ viewer { role } }"},
                headers={"authorization": f"Bearer {key}"},
            )
            assert answer.status_code in (401, 429)


async def half_open(port: int) -> None:
    """Open 300 connections that send half a head."""

    async def hold() -> None:
        async with connected(port) as client:
            await client.send(HEAD)
            await client.rest()

    await asyncio.gather(*(hold() for _ in range(300)), return_exceptions=True)


@pytest.fixture
async def attacked(tmp_path: Path) -> AsyncIterator[Cluster]:
    """One process. Its database does not matter: the attacks do not reach it."""
    async with Cluster(f"sqlite://{tmp_path}/attacked.db") as opened:
        yield opened


# Run in a process of its own: the attackers keep the event loop of this one busy.
PROBE = """
import http.client, json, psutil, sys, time
port, server, ends_at, taken = (
    int(sys.argv[1]), psutil.Process(int(sys.argv[2])), float(sys.argv[3]), []
)
def used():
    times = server.cpu_times()
    return times.user + times.system
while time.monotonic() < ends_at or not taken:
    started, before = time.monotonic(), used()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200
    client.close()
    taken.append((time.monotonic() - started, used() - before))
    time.sleep(0.01)
print(json.dumps(taken))
"""


async def answers_of_healthz(port: int, pid: int, ends_at: float) -> list[tuple[float, float]]:
    """Requests for `/healthz`, one after another: the duration, and the server's CPU in it.

    On a busy machine, only the CPU says how long the server did other work before it answered.
    """
    arguments = (PROBE, str(port), str(pid), str(ends_at))
    probe = await asyncio.create_subprocess_exec(
        sys.executable, "-c", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await probe.communicate()
    assert probe.returncode == 0
    return [tuple(each) for each in json.loads(output)]


@pytest.mark.parametrize(
    "attack",
    [header_without_end, bodies_without_end, documents_without_key, wrong_keys, half_open],
)
async def test_an_attack_does_not_stop_the_process(
    attacked: Cluster, attack: Attack, report_figure: Report
) -> None:
    [port], [pid] = attacked.ports, attacked.pids()
    process = psutil.Process(pid)
    before = process.memory_info().rss
    ends_at = time.monotonic() + SECONDS

    async def attack_on() -> int:
        most = 0
        while time.monotonic() < ends_at:
            attacking = asyncio.create_task(attack(port))
            while not attacking.done():
                most = max(most, process.memory_info().rss)
                await asyncio.wait((attacking,), timeout=0.05)
            attacking.exception()
        return most

    answers, most = await asyncio.gather(answers_of_healthz(port, pid, ends_at), attack_on())
    taken, held = [seconds for seconds, _ in answers], max(cpu for _, cpu in answers)
    await until(lambda: process.memory_info().rss < before * 1.2, seconds=30)
    name = getattr(attack, "__name__", "")
    report_figure(
        f"{name}: /healthz {median(taken) * 1000:.0f} ms, at most {max(taken) * 1000:.0f} ms with"
        f" {held * 1000:.0f} ms of CPU; memory {before / MEBIBYTE:.0f} MiB, at most"
        f" {most / MEBIBYTE:.0f} MiB"
    )
    assert median(taken) < HEALTHY_SECONDS
    assert held < HEALTHY_SECONDS
    assert max(taken) < STALL_SECONDS
    assert most < before + 150 * MEBIBYTE


async def write_after(cluster: Cluster, name: str, *, stay: bool) -> float:
    """The duration of a write that follows those of many clients, who vanish or stay."""
    [port] = cluster.ports

    async def change(number: int) -> None:
        items = [{"sku": f"{name}-{number}", "name": "Changed"}]
        body = json.dumps({"query": ITEMS, "variables": {"i": items}}).encode()
        head = f"authorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        async with connected(port) as client:
            await client.send(HEAD + head, body)
            sent.release()
            if stay:
                assert (await client.answer())[0] == 200

    sent = asyncio.Semaphore(0)
    changing = [asyncio.create_task(change(number)) for number in range(CLIENTS)]
    for _ in range(CLIENTS):
        await sent.acquire()
    started = time.monotonic()
    await cluster.ask(ITEMS, {"i": [{"sku": f"{name}-next", "name": "Next"}]})
    seconds = time.monotonic() - started
    await asyncio.gather(*changing)
    return seconds


async def test_clients_that_vanish_do_not_delay_the_next_write(
    database_url: str, report_figure: Report
) -> None:
    async with Cluster(database_url) as cluster:
        stayed = await write_after(cluster, "STAY", stay=True)
        vanished = await write_after(cluster, "VANISH", stay=False)
        report_figure(
            f"{CLIENTS} clients vanish: the next write took {vanished * 1000:.0f} ms,"
            f" {stayed * 1000:.0f} ms if they stay"
        )
        assert vanished < 1.0
