"""Statements of a page: one per kind of row, however many rows and related rows there are."""

from __future__ import annotations

from tests.builders.in_process_server import InProcessServer
from tests.resolvers.refunds.test_refunds import CANCEL_ORDER, a_refund
from tests.resolvers.test_returns import RECEIVE, REQUEST, sold
from tests.schema.test_selections import ASKING
from tests.schema.test_selections import statements as statements

MONEY = "{ amount currencyCode }"
# A page of each list with what it leads to, and the kinds of rows that it shows.
PAGES = {
    "items": (f"items {{ nodes {{ id sku price {MONEY} }} }}", 1),
    "stockLevels": ("stockLevels { nodes { id onHand item { sku } location { code } } }", 1),
    "stockMovements": ("stockMovements { nodes { id quantity item { sku } } }", 1),
    "orders": (
        f"""orders {{ nodes {{ id number total {MONEY}
          lines {{ id sku item {{ name }} quantity unitPrice {MONEY}
            quantities {{ state quantity }} }}
          fulfillments {{ id status location {{ code }} lines {{ orderLineId sku quantity
            item {{ name }} orderLine {{ quantity }} }} }}
          refunds {{ id amount {MONEY} }}
          returns {{ id rmaNumber items {{ sku state item {{ name }} }} }} }} }}""",
        13,
    ),
    "fulfillments": ("fulfillments { nodes { id lines { orderLineId sku } } }", 2),
    "returns": (
        f"returns {{ nodes {{ id items {{ id sku }} refunds {{ id amount {MONEY} }} }} }}",
        3,
    ),
    "refunds": (f"refunds {{ nodes {{ id amount {MONEY} paymentReference }} }}", 1),
    "tasks": ("tasks { nodes { id queue status location { code } } }", 1),
    "exceptions": ("exceptions { nodes { id kind severity location { code } } }", 2),
    "reservations": (
        "reservations { nodes { id status lines { sku quantity item { name } } } }",
        3,
    ),
}


async def fill(api: InProcessServer, number: int) -> None:
    """Create an order with a return and its refund, a hold, and exceptions."""
    order = await sold(api, 2, externalReference=f"W-{number}")
    item = {"sku": "TEE", "quantity": 1, "reasonCode": "UNWANTED"}
    await api.done(REQUEST, {"input": {"orderId": order["id"], "items": [item]}})
    await a_refund(api, order)
    await api.receive(9, at="YORK")
    await api.hold(2)
    parcel = {"locationCode": "LEEDS", "items": [{"sku": "TEE", "quantity": 1}]}
    await api.done(RECEIVE, {"input": {**parcel, "trackingNumber": f"JD-{number}"}})


async def counted(api: InProcessServer, statements: list[str], name: str) -> tuple[int, int]:
    """The number of statements of a page, and of its rows."""
    document = f"{{ {PAGES[name][0]} }}"
    for _ in range(3):
        found = await api.ask(document)
    statements.clear()
    ASKING.set(True)
    try:
        assert await api.ask(document) == found
    finally:
        ASKING.set(False)
    return len(statements), len(found[name]["nodes"])


async def test_a_page_has_one_statement_for_each_kind_of_row(
    api: InProcessServer, statements: list[str]
) -> None:
    await fill(api, 1)
    before = {name: await counted(api, statements, name) for name in PAGES}
    for number in (2, 3):
        await fill(api, number)
    after = {name: await counted(api, statements, name) for name in PAGES}
    for name, (_, kinds) in PAGES.items():
        (few_reads, few), (reads, rows) = before[name], after[name]
        assert few_reads == reads <= kinds, name
        assert rows > few > 0 or name in ("items", "stockLevels"), name


async def test_related_rows_have_only_the_columns_that_are_shown(
    api: InProcessServer, statements: list[str]
) -> None:
    await fill(api, 1)
    document = "{ orders { nodes { number lines { quantity } fulfillments { status } } } }"
    first = [await api.ask(document) for _ in range(3)]
    ASKING.set(True)
    assert await api.ask(document) == first[0]
    [lines] = [sql for sql in statements if "order_line" in sql]
    assert " item " not in lines
    assert "unit_price_minor" not in lines
    [fulfillments] = [sql for sql in statements if "FROM fulfillment f" in sql]
    assert fulfillments.startswith("SELECT order_id, status FROM")


async def test_a_page_of_orders_with_lines_is_one_statement_on_postgresql(
    api: InProcessServer, statements: list[str]
) -> None:
    for number in (1, 2):
        await sold(api, 2, externalReference=f"W-{number}")
    document = f"{{ orders {{ nodes {{ number lines {{ sku quantity unitPrice {MONEY} }} }} }} }}"
    first = [await api.ask(document) for _ in range(3)]
    ASKING.set(True)
    assert await api.ask(document) == first[0] == first[2]
    assert [len(order["lines"]) for order in first[0]["orders"]["nodes"]] == [1, 1]
    collected = ["array_agg" in sql for sql in statements]
    assert collected == ([True] if api.restow.database.engine == "postgres" else [False, False])


async def test_a_row_without_related_rows_shows_an_empty_list(api: InProcessServer) -> None:
    await api.receive(3)
    order = await api.place(2)
    kept = await api.place(1, externalReference="W-2")
    await api.done(CANCEL_ORDER, {"id": order["id"]})
    document = "{ fulfillments { nodes { order { id } lines { sku quantity } } } }"
    pages = [await api.ask(document) for _ in range(3)]
    assert pages[0] == pages[1] == pages[2]
    lines = {each["order"]["id"]: each["lines"] for each in pages[0]["fulfillments"]["nodes"]}
    assert lines[kept["id"]] == [{"sku": "TEE", "quantity": 1}]
    assert lines[order["id"]] == []
