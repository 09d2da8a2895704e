"""Subscribers and their publisher in one client process, which parses no frame content.

Usage: python -m benchmarks.clients.subscribers. It reads a plan and then orders from standard
input, one JSON document per line, and answers each with one line.

Handshake bytes are prepared first. Frames are counted by their headers. Arrival times are
wall-clock times, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, cast

import uvloop

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
TIMEOUT_SECONDS = 60.0
QUIET_SECONDS = 0.3
CONNECTING_AT_ONCE = 50
WARM_UPS_MAX = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Server, subscribers, and the publishing endpoint.

    `opening_messages` are the first texts of each subscriber; the last list applies to all
    remaining subscribers. The server sends `answers` frames in reply. Each event reaches `reached`
    subscribers. `publish_head` holds headers of the POST; `accepted` is contained in its answer.
    """

    port: int
    path: str
    subprotocol: str | None
    subscribers: int
    reached: int
    opening_messages: Sequence[Sequence[str]]
    answers: int
    publish_path: str
    publish_head: str
    accepted: str


@dataclass(frozen=True, slots=True)
class Order:
    """Publish `bodies` in turn, `publishes` times, with `events` in each.

    At most `window` publishes are in flight; `pause` is the seconds before each.
    """

    bodies: Sequence[str]
    events: int
    publishes: int
    window: int = 1
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of an order: deliveries, seconds, and answer and arrivals of each publish."""

    deliveries: int
    seconds: float
    answers: Sequence[str]
    arrivals: Sequence[Sequence[float]]


def text_frame(text: str) -> bytes:
    """A client's text frame. Its mask is zero, so the payload needs no masking."""
    content = text.encode()
    size = len(content)
    head = bytes((0x80 | TEXT, 0x80 | size)) if size < 126 else b""
    if not head:
        head = bytes((0x80 | TEXT, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + bytes(4) + content


class Subscriber(asyncio.Protocol):
    """A websocket that counts the received text frames and answers pings."""

    def __init__(self, load: Load, opening_messages: Sequence[str]) -> None:
        plan = load.plan
        offered = f"Sec-WebSocket-Protocol: {plan.subprotocol}\r\n" if plan.subprotocol else ""
        self.count = 0
        self.is_connected = asyncio.get_running_loop().create_future()
        self._load = load
        self._opening_frames = b"".join(map(text_frame, opening_messages))
        self._upgrade = (
            f"GET {plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{offered}\r\n"
        ).encode()
        self._rest = b""
        self._answers_due = plan.answers
        self._is_upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._upgrade)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.lost += 1

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self._rest + data if self._rest else data
        if not self._is_upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise SystemExit(f"no websocket: {data[:300]!r}")
            self._is_upgraded = True
            self._transport.write(self._opening_frames)
            self._count_replies(0)
            data = data[end + 4 :]
        if frames := self._frames_in(data):
            if self._answers_due > 0:
                self._count_replies(frames)
            else:
                self.count += frames
                self._load.arrived(frames, now)

    def _frames_in(self, data: bytes) -> int:
        """Count the complete text frames; keep the bytes of an incomplete one."""
        place, size, frames = 0, len(data), 0
        while size - place >= 2:
            length, start = data[place + 1], place + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            if start + length > size:
                break
            opcode = data[place] & 0xF
            if opcode == TEXT:
                frames += 1
                self._load.sample = data, start, length
            elif opcode == CLOSE:
                raise SystemExit(f"closed: {data[start : start + length]!r}")
            elif opcode == PING:
                pong = bytes((0x80 | PONG, 0x80 | length)) + bytes(4)
                self._transport.write(pong + data[start : start + length])
            place = start + length
        self._rest = data[place:]
        return frames

    def _count_replies(self, frames: int) -> None:
        self._answers_due -= frames
        if self._answers_due <= 0 and not self.is_connected.done():
            self.is_connected.set_result(None)

    def close(self) -> None:
        """Close the connection without a closing handshake."""
        self._transport.abort()


class Publisher(asyncio.Protocol):
    """An HTTP connection that sends one POST at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        place = received.find(b"content-length: ", 0, end)
        length = int(received[place + 16 : received.find(b"\r\n", place)])
        if len(received) >= end + 4 + length and self._answer is not None:
            self._received = b""
            self._answer.set_result(received[end + 4 :])

    async def post(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()


class Load:
    """All subscribers and the frames that have arrived."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lost = 0
        self.sample: tuple[bytes, int, int] = (b"", 0, 0)
        self._subscribers: list[Subscriber] = []
        self._publishers: list[Publisher] = []
        self._instants: list[float] = []
        self._arrived = 0
        self._due = 0
        self._reached = asyncio.Event()

    def _prepared(self, order: Order) -> Iterator[bytes]:
        plan = self.plan
        head = f"POST {plan.publish_path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{plan.publish_head}"
        contents = [body.encode() for body in order.bodies]
        ready = [f"{head}content-length: {len(each)}\r\n\r\n".encode() + each for each in contents]
        return itertools.cycle(ready)

    def arrived(self, frames: int, now: float) -> None:
        """Count the frames that arrived at a subscriber."""
        self._arrived += frames
        if frames == 1:
            self._instants.append(now)
        else:
            self._instants.extend([now] * frames)
        if self._arrived >= self._due:
            self._reached.set()

    async def connect(self) -> None:
        """Connect all subscribers, in batches of CONNECTING_AT_ONCE."""
        loop = asyncio.get_running_loop()
        openings = self.plan.opening_messages
        for first in range(0, self.plan.subscribers, CONNECTING_AT_ONCE):
            numbers = range(first, min(first + CONNECTING_AT_ONCE, self.plan.subscribers))
            made = await asyncio.gather(
                *(
                    loop.create_connection(
                        partial(Subscriber, self, openings[min(n, len(openings) - 1)]),
                        "127.0.0.1",
                        self.plan.port,
                    )
                    for n in numbers
                )
            )
            subscribers = [subscriber for _, subscriber in made]
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await asyncio.gather(*(each.is_connected for each in subscribers))
            self._subscribers += subscribers
        await asyncio.sleep(QUIET_SECONDS)

    async def warm(self, order: Order) -> str:
        """Publish until every subscriber has received a frame; return one frame.

        SystemExit if a subscriber receives none.
        """
        for request in itertools.islice(self._prepared(order), WARM_UPS_MAX):
            [publisher] = await self._publishers_of(1)
            await self._publish(publisher, request)
            self._arrived = -1
            while self._arrived:
                self._arrived = 0
                await asyncio.sleep(QUIET_SECONDS)
            if all(each.count for each in self._subscribers):
                return self._sample_text()
        raise SystemExit("some subscribers received no frame")

    async def carry_out(self, order: Order) -> Result:
        """Publish, and wait until all frames have arrived.

        SystemExit if frames are missing or surplus.
        """
        each = self.plan.reached * order.events
        requests = self._prepared(order)
        self._instants.clear()
        self._arrived = 0
        window = await self._publishers_of(order.window)
        posts: list[asyncio.Task[str]] = []
        started = time.time()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            for number in range(order.publishes):
                await self._reach(each * (number + 1 - order.window))
                if order.pause:
                    await asyncio.sleep(order.pause)
                if number >= order.window:
                    await posts[number - order.window]
                publisher = window[number % order.window]
                posts.append(asyncio.create_task(self._publish(publisher, next(requests))))
            await self._reach(each * order.publishes)
            answers = await asyncio.gather(*posts)
        instants, due = self._instants, each * order.publishes
        ended = instants[-1] if instants else time.time()
        await asyncio.sleep(QUIET_SECONDS)
        if self._arrived != due or self.lost:
            raise SystemExit(
                f"{self._arrived} of {due} frames arrived, {self.lost} connections were lost"
            )
        # Arrivals belong to one publish only if each publish waits for the frames of the one
        # before.
        parts = range(0, due, each) if order.window == 1 and each else ()
        arrivals = [instants[first : first + each] for first in parts]
        return Result(due, ended - started, answers, arrivals)

    def _sample_text(self) -> str:
        data, start, length = self.sample
        return data[start : start + length].decode()

    async def _reach(self, count: int) -> None:
        """Wait until `count` frames have arrived."""
        self._due = count
        while self._arrived < count:
            self._reached.clear()
            await self._reached.wait()

    async def _publishers_of(self, count: int) -> list[Publisher]:
        """Open new connections, because servers close connections that were idle for a while."""
        for publisher in self._publishers:
            publisher.close()
        loop = asyncio.get_running_loop()
        port = self.plan.port
        made = [await loop.create_connection(Publisher, "127.0.0.1", port) for _ in range(count)]
        self._publishers = [publisher for _, publisher in made]
        return self._publishers

    async def _publish(self, publisher: Publisher, request: bytes) -> str:
        answer = (await publisher.post(request)).decode()
        if self.plan.accepted not in answer:
            raise SystemExit(f"not published: {answer[:600]}")
        return answer

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()


async def run(plan: Plan) -> None:
    """Connect the subscribers, then carry out one order per input line."""
    load = Load(plan)
    loop = asyncio.get_running_loop()

    async def next_line() -> str:
        return await loop.run_in_executor(None, sys.stdin.readline)

    await load.connect()
    _print_answer(None)
    while line := await next_line():
        question = json.loads(line)
        order = Order(**question["order"])
        if question["what"] == "warm":
            _print_answer(await load.warm(order))
        else:
            _print_answer(asdict(await load.carry_out(order)))
    load.close()


def _print_answer(answer: Any) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    """Raise the limit on open files, read the plan, and run the orders."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(run(Plan(**json.loads(sys.stdin.readline()))))


if __name__ == "__main__":
    main()
