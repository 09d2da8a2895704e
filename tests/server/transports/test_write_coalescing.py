"""Frames of one event-loop iteration leave in one write; a full socket is noticed at once."""

from __future__ import annotations

import asyncio

from server.transports.write_coalescing import FULL_BYTES, CoalescedWrites


class Recorder(asyncio.Transport):
    """A transport that records the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


def a_coalescer() -> tuple[CoalescedWrites, Recorder]:
    """A write coalescer and its transport."""
    transport = Recorder()
    return CoalescedWrites(transport, asyncio.get_running_loop()), transport


async def test_writes_of_one_iteration_leave_together_in_order() -> None:
    coalescer, transport = a_coalescer()
    coalescer.write(b"a")
    coalescer.write(b"b")
    assert transport.writes == []
    await asyncio.sleep(0)
    assert transport.writes == [b"ab"]
    coalescer.write(b"c")
    await asyncio.sleep(0)
    assert transport.writes == [b"ab", b"c"]


async def test_much_is_written_at_once_so_that_a_full_socket_shows() -> None:
    coalescer, transport = a_coalescer()
    half = b"x" * (FULL_BYTES // 2)
    coalescer.write(half)
    coalescer.write(half)
    assert transport.writes == [half + half]
    coalescer.write(b"more")
    await asyncio.sleep(0)
    assert b"".join(transport.writes) == half + half + b"more"


async def test_what_was_kept_leaves_before_it_is_closed_and_nothing_after() -> None:
    coalescer, transport = a_coalescer()
    coalescer.write(b"goodbye")
    coalescer.close()
    assert (transport.writes, transport.is_closed) == ([b"goodbye"], True)
    coalescer.write(b"too late")
    await asyncio.sleep(0)
    assert transport.writes == [b"goodbye"]
    assert coalescer.is_closing()
