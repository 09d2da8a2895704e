"""Loads of the tests of plans: all actions and queries, or only those that are called most."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.builders.in_process_server import InProcessServer
from tests.plans.reads import read_all, read_hot, read_order_lists, read_scoped
from tests.plans.sales_story import SalesStory

Load = Callable[[str, str], Awaitable[None]]  # (URL, mark)
# Statements are explained while their query runs, and counts of 1,000,000 rows take seconds.
PATIENT = {"operation_seconds_max": 3_600, "database_statement_seconds": 3_600}


@asynccontextmanager
async def _story(url: str, mark: str) -> AsyncIterator[SalesStory]:
    api = InProcessServer(url, anonymous_channels="web", **PATIENT)
    await api.open()
    try:
        await api.create_master_data()
        story = SalesStory(api, mark)
        await story.open()
        yield story
        await api.settled()
    finally:
        await api.close()


async def whole(url: str, mark: str) -> None:
    """Perform all actions and queries in a program on this database."""
    async with _story(url, mark) as story:
        await story.tell()
        await read_all(story.api)


@asynccontextmanager
async def _hot(url: str, mark: str) -> AsyncIterator[SalesStory]:
    async with _story(url, mark) as story:
        for step in (story.holds, story.stock, story.expiry):
            await step()
        await read_hot(story.api)
        yield story


async def hot(url: str, mark: str) -> None:
    """Hold, order, let holds expire; read availability, single objects, and each list."""
    async with _hot(url, mark):
        pass


async def hot_and_scoped(url: str, mark: str) -> None:
    """The hot load, and the first pages for callers with a scope."""
    async with _hot(url, mark) as story:
        await read_scoped(story.api)


async def order_lists(url: str, _: str) -> None:
    """Read lists of orders by every filter, and in every order."""
    api = InProcessServer(url, **PATIENT)
    await api.open()
    try:
        await read_order_lists(api)
    finally:
        await api.close()
