"""Member of the fan-out whose client reads only while the test allows it."""

from __future__ import annotations

import asyncio

from subscriptions.delivery.fanout import Answer, Member


class FakeMember(Member):
    """A member whose client reads while `is_open` is true."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []
        self.is_open = True
        self.is_notified = False

    async def send(self, answer: Answer) -> None:
        """Receive an answer of the member's own feed."""
        self.got.append(answer.text)
        await asyncio.sleep(0)

    def open(self) -> None:
        """Let the client read again."""
        self.is_open = True
        while (answer := self.next_answer()) is not None:
            self.got.append(answer.text)

    def _try_send(self, answer: Answer) -> bool:
        if self.is_open:
            self.got.append(answer.text)
        return self.is_open

    def _has_more(self) -> None:
        self.is_notified = True
        if self.is_open:
            self.open()
