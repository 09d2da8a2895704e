"""Send queue of one WebSocket: direct while the client keeps up, round robin when it does not.

A frame is passed to the server when it is made: the send coroutine runs up to its first wait. While
the server accepts frames there is no wait, so no task is woken for a frame. A wait means
backpressure. Then a task finishes that frame and serves the waiting senders, one frame each in
turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from types import coroutine
from typing import Any, Protocol

from starlette.types import Send

from subscriptions.cancellation import end

STALL_SECONDS = 30.0


class Stalled(Exception):
    """The client has read nothing for too long; its connection is closed."""


class Sender(Protocol):
    """A source of frames to send."""

    def next_frame(self) -> str | None:
        """The next frame; None if there is none."""
        ...


class SendQueue:
    """Frames of one WebSocket. `broken` is called when the connection is lost; then nothing is
    sent.
    """

    __slots__ = ("_broken", "_is_over", "_send", "_waiting", "_writing")

    def __init__(self, send: Send, broken: Callable[[Exception], None]) -> None:
        self._send = send
        self._broken = broken
        self._waiting: dict[Sender, None] = {}
        self._writing: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def is_free(self) -> bool:
        """True if a frame would be sent at once."""
        return self._writing is None and not self._is_over

    def send_now(self, frame: str) -> bool:
        """Send at once; false if the queue is full or the connection is lost."""
        if self._writing is not None or self._is_over:
            return False
        sending = self._send({"type": "websocket.send", "text": frame})
        try:
            wait = sending.send(None)  # type: ignore[attr-defined]
        except StopIteration:
            return True
        except Exception as error:  # noqa: BLE001  each server raises its own error for a closed socket
            self._fail(error)
            return False
        self._writing = asyncio.create_task(self._finish(sending, wait))
        return True

    def add(self, sender: Sender) -> None:
        """Request frames from this sender as soon as there is room."""
        self._waiting[sender] = None
        if self._writing is None and not self._is_over:
            self._writing = asyncio.create_task(self._drain())

    async def send(self, frame: str, going: Callable[[], None] = lambda: None) -> None:
        """Send a frame in its turn. Waits while there is no room, and forever after a lost
        connection.

        `going` is called when the frame is sent, before the client can react to it. The frame of a
        cancelled sender is dropped. A sender that waits when the connection breaks is cancelled.
        """
        if self.send_now(frame):
            going()
            await asyncio.sleep(0)  # otherwise a long replay would block other senders
            return
        single = _Single(frame, going)
        self.add(single)
        try:
            await single.taken
        finally:
            self._waiting.pop(single, None)

    async def close(self) -> None:
        """Stop sending; waiting frames are dropped."""
        self._is_over = True
        if self._writing is not None:
            await end(self._writing)

    async def _finish(self, sending: Any, wait: Any) -> None:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await _rest_of(sending, wait)
        except TimeoutError:
            self._fail(Stalled())
            return
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return
        await self._drain()

    async def _drain(self) -> None:
        sender: Sender | None = None
        try:
            while self._waiting:
                sender = next(iter(self._waiting))
                del self._waiting[sender]
                if (frame := sender.next_frame()) is None:
                    continue
                async with asyncio.timeout(STALL_SECONDS):
                    await self._send({"type": "websocket.send", "text": frame})
                self._waiting.setdefault(sender)
        except Exception as error:  # noqa: BLE001  as above
            self._fail(Stalled() if isinstance(error, TimeoutError) else error)
            if isinstance(sender, _Single):
                sender.taken.cancel()
        finally:
            self._writing = None

    def _fail(self, error: Exception) -> None:
        self._is_over = True
        self._waiting.clear()
        self._broken(error)


class _Single:
    """One frame, with a flag for sent."""

    def __init__(self, frame: str, going: Callable[[], None]) -> None:
        self._frame: str | None = frame
        self._going = going
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next_frame(self) -> str | None:
        """The frame at first; the second call marks it as sent. None if it was cancelled."""
        if self.taken.cancelled():
            return None
        frame, self._frame = self._frame, None
        if frame is not None:
            self._going()
        else:
            self.taken.set_result(None)
        return frame


@coroutine
def _rest_of(started: Any, wait: Any) -> Generator[Any, Any, None]:
    """Continue a coroutine that was driven up to a wait; await this in a task."""
    while True:
        try:
            value = yield wait
        except BaseException as error:  # noqa: BLE001  it is the coroutine's to handle
            try:
                wait = started.throw(error)
            except StopIteration:
                return
        else:
            try:
                wait = started.send(value)
            except StopIteration:
                return
