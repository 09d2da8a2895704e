"""A mutation with an idempotency key runs once, whether the key is an argument or a header."""

import asyncio

from domain.access.callers import Role
from tests.builders.in_process_server import HOLD, InProcessServer, gbp

BY_DIRECTIVE = """mutation ($key: String!, $input: ReservationCreateInput!) {
  reservationCreate(input: $input) @idempotent(key: $key) {
    reservation { id } replayed userErrors { code field } } }"""
ONE_TEE = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}
HELD = "{ stockLevels { nodes { held } } }"


async def held(api: InProcessServer) -> int:
    return sum(level["held"] for level in (await api.ask(HELD))["stockLevels"]["nodes"])


async def test_the_same_key_gives_the_first_result_again(api: InProcessServer) -> None:
    await api.receive(9)
    first = await api.done(BY_DIRECTIVE, {"key": "k-1", "input": ONE_TEE})
    again = await api.done(BY_DIRECTIVE, {"key": "k-1", "input": ONE_TEE})
    by_header = await api.done(HOLD, {"input": ONE_TEE}, idempotency_key="k-1")
    assert (first["replayed"], again["replayed"], by_header["replayed"]) == (False, True, True)
    assert (
        first["reservation"]["id"] == again["reservation"]["id"] == by_header["reservation"]["id"]
    )
    assert await held(api) == 1


async def test_the_same_key_with_other_arguments_is_refused(api: InProcessServer) -> None:
    await api.receive(9)
    await api.done(BY_DIRECTIVE, {"key": "k-1", "input": ONE_TEE})
    more = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 2}]}
    refused = await api.refusals(BY_DIRECTIVE, {"key": "k-1", "input": more})
    assert refused == [("IDEMPOTENCY_KEY_REUSED", None)]
    assert await held(api) == 1


async def test_an_amount_is_the_same_however_many_zeros_it_is_written_with(
    api: InProcessServer,
) -> None:
    price = """mutation ($items: [ItemInput!]!) { itemsUpsert(items: $items) @idempotent(key: "p") {
      items { price { amount } } replayed userErrors { code field } } }"""
    order = """mutation ($price: MoneyInput!) { orderPlace(input: {channel: "web",
      externalReference: "1", lines: [{sku: "TEE", quantity: 1, unitPrice: $price}]})
      @idempotent(key: "o") { order { number } replayed userErrors { code field } } }"""
    await api.receive(9)
    for number, text in enumerate(("1.50", "1.5", "15e-1")):
        items = [{"sku": "TEE", "name": "Tee", "price": gbp(text)}]
        done = await api.done(price, {"items": items})
        assert (done["replayed"], done["items"][0]["price"]) == (number > 0, {"amount": "1.50"})
        assert (await api.done(order, {"price": gbp(text)}))["replayed"] is (number > 0)
    other = {"items": [{"sku": "TEE", "name": "Tee", "price": gbp("1.51")}]}
    assert await api.refusals(price, other) == [("IDEMPOTENCY_KEY_REUSED", None)]


async def test_keys_of_two_actors_do_not_meet(api: InProcessServer) -> None:
    await api.receive(9)
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    for key in (None, shop, "bootstrap-secret-of-the-tests"):
        variables = {"key": "k-1-that-is-long-enough-for-anybody", "input": ONE_TEE}
        made = await api.done(BY_DIRECTIVE, variables, key=key)
        assert made["replayed"] is False
    assert await held(api) == 3


async def test_fifty_at_once_with_one_key_hold_once(api: InProcessServer) -> None:
    await api.receive(9)
    variables = {"key": "k-1", "input": ONE_TEE}
    payloads = await asyncio.gather(*(api.change(BY_DIRECTIVE, variables) for _ in range(50)))
    done = [payload for payload in payloads if not payload["userErrors"]]
    assert sum(not payload["replayed"] for payload in done) == 1
    assert len({payload["reservation"]["id"] for payload in done}) == 1
    others = {error["code"] for payload in payloads for error in payload["userErrors"]}
    assert others <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert await held(api) == 1


async def test_a_refusal_by_rule_is_replayed_and_a_mistake_is_not(api: InProcessServer) -> None:
    wanted = {"key": "k-1", "input": ONE_TEE}
    first = await api.change(BY_DIRECTIVE, wanted)
    assert [error["code"] for error in first["userErrors"]] == ["INSUFFICIENT_STOCK"]
    await api.receive(9)
    again = await api.change(BY_DIRECTIVE, wanted)
    assert again["replayed"] is True
    assert [error["code"] for error in again["userErrors"]] == ["INSUFFICIENT_STOCK"]
    typo = {"channel": "web", "lines": [{"sku": "TEA", "quantity": 1}]}
    assert await api.refusals(BY_DIRECTIVE, {"key": "k-2", "input": typo}) == [
        ("NOT_FOUND", "input.lines.0.sku")
    ]
    assert (await api.done(BY_DIRECTIVE, {"key": "k-2", "input": ONE_TEE}))["replayed"] is False


async def test_a_partner_must_send_a_key_and_strangers_a_long_one(api: InProcessServer) -> None:
    await api.receive(9)
    partner = await api.a_key(Role.PARTNER, channels=("web",))
    required = [("IDEMPOTENCY_KEY_REQUIRED", None)]
    assert await api.refusals(HOLD, {"input": ONE_TEE}, key=partner) == required
    short = {"key": "k-1", "input": ONE_TEE}
    assert await api.refusals(BY_DIRECTIVE, short, key=None) == required
    await api.done(HOLD, {"input": ONE_TEE}, key=None)


async def test_several_mutations_run_in_order_each_with_its_key(api: InProcessServer) -> None:
    document = """mutation {
      first: supplierUpsert(code: "A", name: "One") @idempotent(key: "s-1") {
        supplier { name } replayed }
      second: supplierUpsert(code: "A", name: "Two") @idempotent(key: "s-2") {
        supplier { name } replayed } }"""
    done = await api.ask(document)
    assert done == {
        "first": {"supplier": {"name": "One"}, "replayed": False},
        "second": {"supplier": {"name": "Two"}, "replayed": False},
    }
    again = await api.ask(document)
    # A replay shows the current state of the same objects.
    assert again == {
        "first": {"supplier": {"name": "Two"}, "replayed": True},
        "second": {"supplier": {"name": "Two"}, "replayed": True},
    }


async def test_what_a_mutation_reads_holds_what_it_did(api: InProcessServer) -> None:
    await api.receive(5)
    document = """mutation ($price: MoneyInput!) {
      a: orderPlace(input: {channel: "web", externalReference: "1",
        lines: [{sku: "TEE", quantity: 2, unitPrice: $price}]}) {
        order { fulfillments { lines { quantity } } } }
      b: orderPlace(input: {channel: "web", externalReference: "2",
        lines: [{sku: "TEE", quantity: 3, unitPrice: $price}]}) {
        order { channel { code } fulfillments { lines { quantity } } } } }"""
    done = await api.ask(document, {"price": gbp("1.00")})
    assert done["a"]["order"]["fulfillments"] == [{"lines": [{"quantity": 2}]}]
    assert done["b"]["order"]["fulfillments"] == [{"lines": [{"quantity": 3}]}]


async def test_a_refusal_is_not_replayed_to_a_key_with_another_scope(api: InProcessServer) -> None:
    """It names quantities that the second key may not see. A success is read again instead."""
    await api.receive(9)
    wide = await api.a_key(Role.SUPPORT, name="desk")
    narrow = await api.a_key(Role.SUPPORT, name="desk", channels=("market",))
    same = await api.a_key(Role.SUPPORT, name="desk")
    too_many = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 10}]}
    given = {"key": "k-1", "input": too_many}
    refused = [("INSUFFICIENT_STOCK", "input.lines.0.quantity")]
    assert await api.refusals(BY_DIRECTIVE, given, key=wide) == refused
    assert await api.refusals(BY_DIRECTIVE, given, key=same) == refused
    payload = await api.change(BY_DIRECTIVE, given, key=narrow)
    assert [error["code"] for error in payload["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert not payload["replayed"]
    held_once = {"key": "k-2", "input": ONE_TEE}
    await api.done(BY_DIRECTIVE, held_once, key=wide)
    again = await api.done(BY_DIRECTIVE, held_once, key=narrow)
    assert (again["replayed"], again["reservation"]) == (True, None)
