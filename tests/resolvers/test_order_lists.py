"""Lists of orders: each filter, the exact search, and each sort, page by page."""

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer, gbp
from tests.resolvers.test_orders import SHIP
from tests.resolvers.test_returns import REQUEST


async def found(api: InProcessServer, arguments: str = "", key: str | None = None) -> list[str]:
    """The references of the orders of a list, in its order; their number is the total."""
    shown = f"({arguments})" if arguments else ""
    document = f"{{ orders{shown} {{ nodes {{ externalReference }} totalCount }} }}"
    answer = await (api.ask(document) if key is None else api.ask(document, key=key))
    orders = answer["orders"]
    references = [each["externalReference"] for each in orders["nodes"]]
    assert orders["totalCount"] == len(references)
    return references


@pytest.fixture
async def shop(api: InProcessServer) -> dict[str, Any]:
    """Orders by reference: W-1 shipped from Leeds, W-2 at York, W-3 waiting, W-4 of market."""
    orders: dict[str, Any] = {}
    await api.receive(2)
    orders["W-1"] = await api.place(2, customerReference="Customer 7", note="first")
    api.advance_clock(60)
    [parcel] = orders["W-1"]["fulfillments"]
    shipped = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": "JD 0001"}
    await api.done(SHIP, {"input": shipped})
    await api.receive(5, at="YORK")
    api.advance_clock(60)
    orders["W-2"] = await api.place(1, externalReference="W-2", customerReference="customer 8")
    api.advance_clock(60)
    orders["W-3"] = await api.place(9, "COAT", externalReference="W-3", backorder=True)
    api.advance_clock(60)
    both = [
        {"sku": "TEE", "quantity": 1, "unitPrice": gbp("10.00")},
        {"sku": "TEE", "quantity": 1, "unitPrice": gbp("9.00")},
    ]
    orders["W-4"] = await api.place(1, externalReference="W-4", channel="market", lines=both)
    return orders


async def test_each_filter_selects_and_two_select_both(
    api: InProcessServer, shop: dict[str, Any]
) -> None:
    assert await found(api) == ["W-4", "W-3", "W-2", "W-1"]
    cases = {
        "status: SHIPPED": ["W-1"],
        "statuses: [SHIPPED, BACKORDERED]": ["W-3", "W-1"],
        "statuses: [SHIPPED, SHIPPED]": ["W-1"],
        "statuses: []": [],
        'channel: "WEB"': ["W-3", "W-2", "W-1"],
        'sku: "tee"': ["W-4", "W-2", "W-1"],
        'sku: "NONE"': [],
        'location: "york"': ["W-4", "W-2"],
        'location: "LEEDS"': ["W-1"],
        'location: "york", status: ALLOCATED': ["W-4", "W-2"],
        'location: "york", status: SHIPPED': [],
        'location: "york", statuses: [SHIPPED, ALLOCATED], channel: "web"': ["W-2"],
        'sku: "TEE", location: "YORK", statuses: [ALLOCATED, OPEN]': ["W-4", "W-2"],
        'status: ALLOCATED, channel: "market"': ["W-4"],
        'customerReference: " CUSTOMER 7"': ["W-1"],
    }
    for arguments, references in cases.items():
        assert await found(api, arguments) == references, arguments
    assert await api.code("{ orders(status: OPEN, statuses: [OPEN]) { totalCount } }") == (
        "BAD_REQUEST"
    )


async def test_the_search_is_exact_and_knows_every_number(
    api: InProcessServer, shop: dict[str, Any]
) -> None:
    api.advance_clock(60)
    item = {"sku": "TEE", "quantity": 1, "reasonCode": "UNWANTED"}
    asked = {"orderId": shop["W-1"]["id"], "items": [item], "trackingNumber": "RT-9"}
    back = (await api.done(REQUEST, {"input": {**asked, "carrier": "DHL"}}))["return"]
    number = shop["W-1"]["number"]
    for text in (number, number.lower().replace("-", " "), "w-1", "ｗ-1", " jd 0001", "rt-9"):
        assert await found(api, f'search: "{text}"') == ["W-1"], text
    assert await found(api, f'search: "{back["rmaNumber"].lower()}"') == ["W-1"]
    assert await found(api, 'search: "CUSTOMER 8"') == ["W-2"]
    assert await found(api, 'search: "CUSTOMER"') == []
    assert await found(api, 'search: "W-1", channel: "market"') == []
    assert len(await found(api, 'search: " "')) == 4
    assert await api.code(f'{{ orders(search: "{"x" * 256}") {{ totalCount }} }}') == "BAD_REQUEST"
    one = await api.ask(f'{{ order(number: "{number.lower()}") {{ externalReference }} }}')
    assert one == {"order": {"externalReference": "W-1"}}
    assert await api.code(f'{{ order(number: "{number}", channel: "web") {{ id }} }}') == (
        "BAD_REQUEST"
    )


async def test_ranges_exclude_their_end(api: InProcessServer, shop: dict[str, Any]) -> None:
    times = {each: await time_of(api, shop[each]["id"], "placedAt") for each in shop}
    placed = f'from: "{times["W-2"]}", to: "{times["W-4"]}"'
    assert await found(api, f"placed: {{{placed}}}") == ["W-3", "W-2"]
    assert await found(api, f"placed: {{{placed}}}, sort: OLDEST") == ["W-2", "W-3"]
    assert await found(api, f'placed: {{from: "{times["W-3"]}"}}, channel: "web"') == ["W-3"]
    ships = await time_of(api, shop["W-2"]["id"], "shipBy")
    assert "W-3" not in await found(api, f'shipBy: {{to: "{ships}"}}')
    assert "W-2" in await found(api, f'shipBy: {{from: "{ships}"}}')
    empty = f'placed: {{from: "{times["W-2"]}", to: "{times["W-2"]}"}}'
    assert await api.code(f"{{ orders({empty}) {{ totalCount }} }}") == "BAD_REQUEST"
    assert len(await found(api, "placed: {}")) == 4


async def time_of(api: InProcessServer, order_id: str, name: str) -> str:
    document = f"query ($id: ID!) {{ order(id: $id) {{ {name} }} }}"
    return str((await api.ask(document, {"id": order_id}))["order"][name])


async def test_sorts_are_read_page_by_page_in_both_directions(
    api: InProcessServer, shop: dict[str, Any]
) -> None:
    api.advance_clock(60)
    cancel = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "CUSTOMER_REQUEST") {
      userErrors { code } } }"""
    await api.done(cancel, {"id": shop["W-2"]["id"]})
    expected = {
        "NEWEST": ["W-4", "W-3", "W-2", "W-1"],
        "OLDEST": ["W-1", "W-2", "W-3", "W-4"],
        "UPDATED": ["W-2", "W-4", "W-3", "W-1"],
    }
    for sort, references in expected.items():
        assert await found(api, f"sort: {sort}") == references
    by_ship = await found(api, "sort: SHIP_BY")
    assert by_ship[-1] == "W-3"  # nothing was promised
    expected["SHIP_BY"] = by_ship
    for sort, references in expected.items():
        assert await walked(api, sort, "first", "after") == references
        assert await walked(api, sort, "last", "before") == references[::-1]
        assert await found(api, f'sort: {sort}, sku: "TEE", location: "YORK"') == [
            each for each in references if each in ("W-2", "W-4")
        ]


async def walked(api: InProcessServer, sort: str, size: str, beside: str) -> list[str]:
    """The references of pages of one order, one after the other."""
    references, cursor = [], None
    for _ in range(9):
        place = "" if cursor is None else f', {beside}: "{cursor}"'
        document = f"""{{ orders(sort: {sort}, {size}: 1{place}) {{
          edges {{ cursor node {{ externalReference channel {{ code }} }} }}
          pageInfo {{ hasNextPage hasPreviousPage }} }} }}"""
        page = (await api.ask(document))["orders"]
        [edge] = page["edges"]
        cursor = edge["cursor"]
        references.append(edge["node"]["externalReference"])
        if not page["pageInfo"]["hasNextPage" if size == "first" else "hasPreviousPage"]:
            return references
    raise AssertionError("the list has no end")


async def test_a_scope_holds_for_every_filter(api: InProcessServer, shop: dict[str, Any]) -> None:
    leeds = await api.a_key(Role.SUPPORT, locations=("LEEDS",), name="of Leeds")
    web = await api.a_key(Role.SUPPORT, channels=("web",), name="of web")
    assert await found(api, 'location: "york"', leeds) == []
    assert await found(api, 'sku: "TEE"', leeds) == ["W-1"]
    assert await found(api, 'sku: "TEE", sort: UPDATED', web) == ["W-2", "W-1"]
    assert await found(api, 'search: "W-4"', web) == []
