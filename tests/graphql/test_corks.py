"""The first frame of a turn of the loop leaves at once, the rest of it together."""

from __future__ import annotations

import asyncio

from schema.serving.corks import FULL_BYTES, Cork


class Recorder(asyncio.Transport):
    """A transport that notes what is written to it."""

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


def a_cork() -> tuple[Cork, Recorder]:
    """A cork, and what it is on."""
    transport = Recorder()
    return Cork(transport, asyncio.get_running_loop()), transport


async def test_the_first_of_a_turn_leaves_at_once_and_the_rest_together_in_order() -> None:
    cork, transport = a_cork()
    for data in (b"a", b"b", b"c"):
        cork.write(data)
    assert transport.writes == [b"a"]
    await asyncio.sleep(0)
    assert transport.writes == [b"a", b"bc"]
    cork.write(b"d")
    await asyncio.sleep(0)
    assert transport.writes == [b"a", b"bc", b"d"]


async def test_much_is_written_at_once_so_that_a_full_socket_shows() -> None:
    cork, transport = a_cork()
    half = b"x" * (FULL_BYTES // 2)
    for data in (b"first", half, half):
        cork.write(data)
    assert transport.writes == [b"first", half + half]
    cork.write(b"more")
    await asyncio.sleep(0)
    assert transport.writes == [b"first", half + half, b"more"]


async def test_what_was_kept_leaves_before_it_is_closed_and_nothing_after() -> None:
    cork, transport = a_cork()
    for data in (b"well, ", b"good", b"bye"):
        cork.write(data)
    cork.close()
    assert (transport.writes, transport.is_closed) == ([b"well, ", b"goodbye"], True)
    for _ in range(2):
        cork.write(b"too late")
        await asyncio.sleep(0)
    assert transport.writes == [b"well, ", b"goodbye"]
    assert cork.is_closing()
