"""The program with stocked master data, on both engines."""

from collections.abc import AsyncIterator

import pytest

from tests.builders.house import House


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    """The program, with locations, channels and items; the web channel is open to anybody."""
    house = House(database_url, anonymous_channels="web")
    await house.open()
    try:
        await house.stock_the_shelves()
        yield house
    finally:
        await house.close()
