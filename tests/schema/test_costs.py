"""The static cost of documents: sizes of lists, variables, conditions, and the limit."""

from typing import Any

import pytest

from resolvers.root import schema
from server.operations.engine import Engine
from server.operations.errors import RequestRefused
from server.operations.limits import RequestLimits
from server.operations.request import GraphQLRequest
from tests.builders.in_process_server import InProcessServer

ENGINE = Engine(schema.graphql_schema)
LINES, RETURNS = 50, 50  # the declared sizes of Order.lines and Order.returns


def cost(text: str, **variables: Any) -> int:
    request = GraphQLRequest(text, variables, None)
    return ENGINE.prepare(request, request_id="test").cost


def nested(levels: int) -> str:
    """Returns of an order, whose order is asked for its returns, and so on."""
    text = "id"
    for _ in range(levels):
        text = f"returns {{ order {{ {text} }} }}"
    return f'{{ order(id: "x") {{ {text} }} }}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ __typename }", 1),
        ('{ item(sku: "TEE") { sku name } }', 1 + 2),
        ("{ items { nodes { sku name } } }", 1 + 50 * (1 + 2)),
        ("{ items(first: 7) { nodes { sku } edges { cursor node { sku } } } }", 1 + 7 * 2 + 7 * 4),
        ("{ items(last: 7) { nodes { sku } } }", 1 + 7 * 2),
        ("{ items(first: 0) { nodes { sku } } }", 1),
        ("{ items(first: 1000000) { nodes { sku } } }", 1 + 250 * 2),  # refused when it runs
        ("{ items(first: -5) { nodes { sku } } }", 1 + 50 * 2),
        ('{ order(id: "x") { lines { sku } } }', 1 + LINES * 2),
        ('{ order(id: "x") { lines { quantities { state } } } }', 1 + LINES * (1 + 8 * 2)),
        ('{ a: item(sku: "A") { sku } b: item(sku: "B") { sku } }', 2 + 2),
        ("{ items { ...F } } fragment F on ItemConnection { nodes { sku } }", 1 + 50 * 2),
        ("{ items { ... on ItemConnection @skip(if: true) { nodes { sku } } } }", 1),
        ("{ locations { code } }", 250 * 2),
    ],
)
def test_a_list_multiplies_the_cost_of_an_element(text: str, expected: int) -> None:
    assert cost(text) == expected


def test_the_sizes_of_pages_and_lists_come_from_variables() -> None:
    page = "query ($n: Int) { items(first: $n) { nodes { sku } } }"
    assert [cost(page, n=n) for n in (1, 30, None)] == [1 + 2, 1 + 60, 1 + 100]
    skus = """query ($skus: [String!]!) {
      availability(channel: "web", skus: $skus) { sku inStock } }"""
    assert [cost(skus, skus=["A"] * n) for n in (1, 400)] == [3, 1_200]
    receipt = """mutation ($input: StockReceiptInput!) {
      stockReceive(input: $input) { levels { available } } }"""
    given = {"locationCode": "L", "reference": "R", "lines": [{"sku": "A", "quantity": 1}] * 9}
    assert cost(receipt, input=given) == 1 + 9 * 2


def test_the_size_of_a_variable_without_a_value_is_its_default() -> None:
    text = "query ($n: Int = 20) { items(first: $n) { nodes { sku } } }"
    assert cost(text) == 1 + 20 * 2


def test_a_condition_leaves_fields_out() -> None:
    text = """query ($full: Boolean!) {
      items(first: 10) { nodes { sku ...Rest @include(if: $full) name @skip(if: $full) } } }
      fragment Rest on Item { name category }"""
    assert cost(text, full=True) == 1 + 10 * (1 + 3)
    assert cost(text, full=False) == 1 + 10 * (1 + 2)


def test_each_alias_of_availability_costs_its_skus() -> None:
    fields = " ".join(f'a{n}: availability(channel: "web", skus: $s) {{ sku }}' for n in range(30))
    found = cost(f"query ($s: [String!]!) {{ {fields} }}", s=["TEE"] * 1_000)
    assert found == 30 * 1_000 * 2


def test_values_that_are_walked_cost_more() -> None:
    plain = cost('{ return(id: "x") { items { sku } } }')
    walked = cost('{ return(id: "x") { items { sku inspections { note } } } }')
    assert plain == 1 + 10 * 2
    assert walked == 10 + 10 * (10 + 1 + 3 * (10 + 1))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_nested_lists_are_admitted_below_the_limit(levels: int) -> None:
    assert cost(nested(levels)) < ENGINE.limits.cost


def test_nested_lists_above_the_limit_are_refused_with_their_place() -> None:
    with pytest.raises(RequestRefused) as refused:
        cost(nested(4))
    [error] = refused.value.errors
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["extensions"]["cost"] > error["extensions"]["maximum"] == ENGINE.limits.cost
    assert error["extensions"]["field"] == ["order", *["returns", "order"] * 4]
    assert "order.returns.order.returns" in error["message"]
    assert f"at most {ENGINE.limits.cost:,} are allowed" in error["message"]


def test_the_limit_follows_the_variables() -> None:
    engine = Engine(schema.graphql_schema, limits=RequestLimits(cost=100))
    text = "query ($n: Int) { items(first: $n) { nodes { sku } } }"

    def found(size: int) -> int:
        return engine.prepare(GraphQLRequest(text, {"n": size}, None), request_id="test").cost

    assert found(40) == 81
    with pytest.raises(RequestRefused):
        found(60)
    assert found(40) == 81


async def test_a_refused_mutation_changes_nothing(api: InProcessServer) -> None:
    await api.create_master_data()
    places = "considered { location accepted reasons }"
    inner = (
        f"order {{ routing {{ {places} }} returns {{ order {{ returns {{ order {{ id }} }} }} }} }}"
    )
    text = f"""mutation ($input: OrderPlaceInput!) {{ orderPlace(input: $input) {{
      order {{ returns {{ order {{ returns {{ {inner} }} }} }} }} }} }}"""
    given = {
        "channel": "web",
        "externalReference": "W-1",
        "backorder": True,
        "lines": [
            {
                "sku": "TEE",
                "quantity": 1,
                "unitPrice": {"amount": "1.00", "currencyCode": "GBP"},
            }
        ],
    }
    assert await api.code(text, {"input": given}) == "BAD_REQUEST"
    found = await api.ask('{ order(channel: "web", externalReference: "W-1") { id } }')
    assert found == {"order": None}
