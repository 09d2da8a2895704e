"""Load generator: a separate client process, cheap enough to leave the processor to the server.

Usage: python -m benchmarks.clients.requests < plan.json > result.json

One event loop with raw protocols. Request bytes are prepared before the clock starts. Answers are
classified by the first mark that they contain, and never parsed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

KEY_LENGTH = 24
UNIQUE = "@" * KEY_LENGTH  # in a body: replaced by the key of each request
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plan:
    """The load: `bodies` in turn over `connections`, for `seconds` or for `requests` in total.

    `marks` gives each kind of answer a name and bytes that only it contains; the first is the
    accepted answer. `units` is the number of units in each body, counted when it is accepted.
    `keyed` sends an idempotency key with each request. `pause_seconds` is the time between an
    answer and the next request of its connection. `window_seconds` divides the run into
    windows of this length, each with figures of its own.
    """

    port: int
    path: str
    bodies: Sequence[str]
    marks: Mapping[str, str]
    connections: int
    seconds: float | None = None
    requests: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    units: Sequence[int] = ()
    keyed: bool = False
    key_prefix: str = ""
    pause_seconds: float = 0.0
    window_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Answers of one part of a run, and the 99th percentile of their latencies, by kind."""

    counts: Mapping[str, int]
    p99_ms: Mapping[str, float]

    @property
    def answers(self) -> int:
        """Number of answers of all kinds."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a load. Latencies are in milliseconds; `sample` is one accepted answer."""

    requests: int
    seconds: float
    counts: Mapping[str, int]
    units: int
    median_ms: float
    p99_ms: float
    sample: str
    windows: Sequence[Window] = ()

    @staticmethod
    def read(text: str) -> Result:
        """The result that the client process printed."""
        found = json.loads(text)
        windows = [Window(**each) for each in found.pop("windows")]
        return Result(**found, windows=windows)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


class Load:
    """Connections of one run and their counts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.marks = [(name, mark.encode()) for name, mark in plan.marks.items()]
        self.counts: Counter[str] = Counter()
        self.units = 0
        self.latencies: list[float] = []
        self._by_window: dict[int, dict[str, list[float]]] = {}
        self.sample = b""
        self.deadline = float("inf")
        self.started = 0.0
        self.ended = 0.0
        self._requests = self._prepared()
        self._sent = 0
        self._open = 0
        self.is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _prepared(self) -> Iterator[tuple[int, bytes, bytes]]:
        plan = self.plan
        head = f"POST {plan.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        head += "".join(f"{name}: {text}\r\n" for name, text in plan.headers.items())
        ready = []
        for index, body in enumerate(plan.bodies):
            content = body.encode()
            rest = f"content-length: {len(content)}\r\n\r\n".encode() + content
            ready.append((index, head.encode(), rest))
        return itertools.cycle(ready)

    def next_request(self) -> tuple[int, bytes] | None:
        """The next request as (index of its body, bytes), or None when the run is over."""
        limit = self.plan.requests
        if (limit is not None and self._sent >= limit) or time.perf_counter() > self.deadline:
            return None
        self._sent += 1
        index, head, rest = next(self._requests)
        key = f"{self.plan.key_prefix}{self._sent}".rjust(KEY_LENGTH, "k").encode()
        if self.plan.keyed:
            return index, b"%sidempotency-key: %s\r\n%s" % (head, key, rest)
        return index, head + rest.replace(UNIQUE.encode(), key)

    def answered(self, index: int, answer: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        for place, (name, mark) in enumerate(self.marks):
            if mark in answer:
                self.counts[name] += 1
                if self.plan.window_seconds is not None:
                    self._add_to_window(name, seconds, self.plan.window_seconds)
                if place == 0:
                    self.sample = answer
                    if self.plan.units:
                        self.units += self.plan.units[index]
                return
        if not self.counts[OTHER]:
            print("unexpected answer:", answer[:600], file=sys.stderr)
        self.counts[OTHER] += 1

    def _add_to_window(self, name: str, seconds: float, length: float) -> None:
        window = int((time.perf_counter() - self.started) / length)
        self._by_window.setdefault(window, {}).setdefault(name, []).append(seconds)

    def windows(self) -> list[Window]:
        """The figures of each whole window."""
        length = self.plan.window_seconds or self.ended - self.started
        whole = range(round((self.ended - self.started) / length))
        kinds = [self._by_window.get(number, {}) for number in whole]
        return [
            Window(
                {name: len(each) for name, each in by_kind.items()},
                {name: p99_ms(each) for name, each in by_kind.items()},
            )
            for by_kind in kinds
        ]

    def opened(self) -> None:
        self._open += 1

    def closed(self) -> None:
        """Note that a connection has no more requests to send."""
        self._open -= 1
        if self._open == 0 and not self.is_over.done():
            self.ended = time.perf_counter()
            self.is_over.set_result(None)


class Connection(asyncio.Protocol):
    """A connection that sends a request, waits for the answer, and sends the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._index = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.opened()

    def connection_lost(self, _: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._load.counts["connections lost"] += 1
            self._load.closed()

    def send(self) -> None:
        """Send the next request, or close the connection."""
        chosen = self._load.next_request()
        assert self._transport is not None
        if chosen is None:
            transport, self._transport = self._transport, None
            transport.close()
            self._load.closed()
            return
        self._index, content = chosen
        self._sent_at = time.perf_counter()
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end_of_head = received.find(b"\r\n\r\n")
        if end_of_head < 0:
            return
        place = received.find(b"content-length: ", 0, end_of_head)
        length = int(received[place + 16 : received.find(b"\r\n", place)])
        if len(received) < end_of_head + 4 + length:
            return
        self._received = b""
        elapsed = time.perf_counter() - self._sent_at
        self._load.answered(self._index, received[end_of_head + 4 :], elapsed)
        if self._load.plan.pause_seconds:
            asyncio.get_running_loop().call_later(self._load.plan.pause_seconds, self.send)
        else:
            self.send()


def p99_ms(latencies: Sequence[float]) -> float:
    """The 99th percentile, in milliseconds, of latencies in seconds."""
    return 1000 * sorted(latencies)[int(len(latencies) * 0.99)]


async def run(plan: Plan) -> Result:
    """Open the connections, send the load, and return the counts."""
    load = Load(plan)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(plan.connections):
        _, protocol = await loop.create_connection(lambda: Connection(load), "127.0.0.1", plan.port)
        connections.append(protocol)
    load.started = time.perf_counter()
    if plan.seconds is not None:
        load.deadline = load.started + plan.seconds
    for connection in connections:
        connection.send()
    await load.is_over
    latencies = load.latencies
    return Result(
        requests=len(latencies),
        seconds=load.ended - load.started,
        counts=dict(load.counts),
        units=load.units,
        median_ms=1000 * statistics.median(latencies),
        p99_ms=p99_ms(latencies),
        sample=load.sample.decode(),
        windows=load.windows() if plan.window_seconds is not None else (),
    )


def main() -> None:
    """Read a plan from standard input, run it, print its result."""
    plan = Plan(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(run(plan)))))


if __name__ == "__main__":
    main()
