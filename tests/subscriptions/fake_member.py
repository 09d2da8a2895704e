"""A member of the fan-out whose client reads while a test lets it."""

from __future__ import annotations

import asyncio

from subscriptions.delivery.fanout import Answer, Member


class FakeMember(Member):
    """A member whose client reads while `is_open`."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []
        self.is_open = True
        self.is_asked = False

    async def send(self, answer: Answer) -> None:
        """Sent by its own feed."""
        self.got.append(answer.text)
        await asyncio.sleep(0)

    def open(self) -> None:
        """The client reads again."""
        self.is_open = True
        while (answer := self.next_answer()) is not None:
            self.got.append(answer.text)

    def _try_send(self, answer: Answer) -> bool:
        if self.is_open:
            self.got.append(answer.text)
        return self.is_open

    def _has_more(self) -> None:
        self.is_asked = True
        if self.is_open:
            self.open()
