"""Pages: every row once, from either end, although rows are added at the front meanwhile."""

from typing import Any

from tests.builders.in_process_server import UPSERT_ITEMS, InProcessServer

ITEMS = """query ($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  items(first: $first, after: $after, last: $last, before: $before, search: $search) {
    nodes { sku } edges { cursor node { sku } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


async def add(api: InProcessServer, *skus: str) -> None:
    await api.done(UPSERT_ITEMS, {"items": [{"sku": sku, "name": sku} for sku in skus]})


async def page(api: InProcessServer, **window: Any) -> Any:
    return (await api.ask(ITEMS, window))["items"]


def skus(found: Any) -> list[str]:
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    if found["edges"]:
        info = found["pageInfo"]
        assert info["startCursor"] == found["edges"][0]["cursor"]
        assert info["endCursor"] == found["edges"][-1]["cursor"]
    return [node["sku"] for node in found["nodes"]]


async def test_a_list_is_walked_from_the_front_to_the_end(api: InProcessServer) -> None:
    await add(api, *(f"P-{number}" for number in range(7)))
    seen: list[str] = []
    found = await page(api, first=3, search="P-")
    while True:
        assert found["totalCount"] == 7
        seen += skus(found)
        if not found["pageInfo"]["hasNextPage"]:
            break
        # A new row comes first in the list and does not shift the following pages.
        await add(api, f"Q-{len(seen)}")
        found = await page(api, first=3, after=found["pageInfo"]["endCursor"], search="P-")
        assert found["pageInfo"]["hasPreviousPage"]
    assert seen == [f"P-{number}" for number in reversed(range(7))]


async def test_a_list_is_walked_from_the_end_to_the_front(api: InProcessServer) -> None:
    await add(api, *(f"P-{number}" for number in range(7)))
    seen: list[str] = []
    found = await page(api, last=3, search="P-")
    while True:
        seen = skus(found) + seen
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        found = await page(api, last=3, before=found["pageInfo"]["startCursor"], search="P-")
        assert found["pageInfo"]["hasNextPage"]
    assert seen == [f"P-{number}" for number in reversed(range(7))]


async def test_a_page_lies_between_two_cursors(api: InProcessServer) -> None:
    await add(api, *(f"P-{number}" for number in range(7)))
    edges = (await page(api, search="P-"))["edges"]
    between = {"after": edges[1]["cursor"], "before": edges[5]["cursor"], "search": "P-"}
    assert skus(await page(api, **between)) == ["P-4", "P-3", "P-2"]
    assert skus(await page(api, first=1, **between)) == ["P-4"]
    assert skus(await page(api, last=1, **between)) == ["P-2"]


async def test_fifty_rows_unless_more_are_asked_for(api: InProcessServer) -> None:
    await add(api, *(f"P-{number:03}" for number in range(252)))
    assert len(skus(await page(api))) == 50
    assert len(skus(await page(api, first=250))) == 250
    assert skus(await page(api, first=0)) == []


IMPOSSIBLE_PAGES: list[Any] = [
    {"first": 251},
    {"first": -1},
    {"last": 251},
    {"last": -1},
    {"first": 1, "last": 1},
    {"after": ""},
    {"after": "nonsense"},
    {"after": "é"},
    {"after": "eyJhIjoxfQ=="},
    {"after": "W10="},
    {"after": "WyJhIl0="},
    {"after": "WzEsMl0="},
    {"after": "WzFlOTld"},
    {"before": "W3RydWVd"},
    {"before": "A" * 600},
    {"after": "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0="},
]


async def test_a_page_that_cannot_be_is_a_bad_request(api: InProcessServer) -> None:
    for window in IMPOSSIBLE_PAGES:
        assert await api.code(ITEMS, window) == "BAD_REQUEST"


async def test_a_cursor_of_one_list_is_not_one_of_another(api: InProcessServer) -> None:
    await api.receive(1)
    movements = "{ stockMovements { pageInfo { endCursor } } }"
    cursor = (await api.ask(movements))["stockMovements"]["pageInfo"]["endCursor"]
    assert await api.code(ITEMS, {"after": cursor}) == "BAD_REQUEST"


async def test_holds_made_in_the_same_instant_are_listed_once_each(api: InProcessServer) -> None:
    await api.receive(9)
    made = [(await api.hold(1))["id"] for _ in range(5)]
    document = """query ($after: String) { reservations(first: 2, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        found = (await api.ask(document, {"after": after}))["reservations"]
        seen += [node["id"] for node in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert seen == list(reversed(made))
