"""The matrix of access: every root field, by every role, within and outside of its scope."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest
from graphql import get_named_type, is_leaf_type

from domain.access.callers import Role
from domain.access.permissions import NODE_TYPES
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.scopes.catalogue import MUTATIONS, NODES, QUERIES, SUBSCRIPTIONS, Row
from tests.resolvers.scopes.two_halves import TwoHalves, open_two_halves
from tests.resolvers.scopes.walks import QUERY, SCHEMA, SUBSCRIPTION, documents, texts
from tests.resolvers.test_subscriptions import screen

LETTERS = dict(zip("SPWUVCFA", Role, strict=True))
# Whose channel and location a key has: mine, the other's, or any.
SCOPES: Final[tuple[tuple[str | None, str | None], ...]] = (
    ("mine", "mine"),
    ("mine", None),
    (None, "mine"),
    ("mine", "other"),
    ("other", "mine"),
    ("other", "other"),
)


@pytest.fixture
async def world(api: InProcessServer) -> TwoHalves:
    return await open_two_halves(api)


async def keys_of(world: TwoHalves, role: Role) -> list[str]:
    """A key of the role for each scope, as seen from the second half."""
    halves = {"mine": world.halves["bravo"], "other": world.halves["alfa"]}
    return [
        await world.api.a_key(
            role,
            name=f"{role}-{number}",
            channels=(halves[channel].channel,) if channel else None,
            locations=(halves[place].location,) if place else None,
        )
        for number, (channel, place) in enumerate(SCOPES)
    ]


_UNIQUE = itertools.count()


def filled(text: str, world: TwoHalves) -> str:
    """A text of the catalogue with the names of the second half."""
    half, now = world.halves["bravo"], world.api.restow.clock()
    named = {
        **half.ids,
        "name": half.name,
        "place": half.location,
        "bin": half.bin,
        "channel": half.channel,
        "feed": half.feed,
        "hook": half.hook,
        "actor": half.actor("both", "actor"),
        "owner": half.actor("place", "actor"),
        "tracking": half.text("both", "tracking"),
        "unique": f"u-{next(_UNIQUE)}",
        "now": now.isoformat(),
        "tomorrow": (now + timedelta(days=1)).isoformat(),
        "yesterday": (now - timedelta(days=1)).isoformat(),
    }
    return re.sub(r"\$(\w+)", lambda match: named[match[1]], text)


def mutation(row: Row, world: TwoHalves) -> str:
    arguments = filled(row.arguments, world)
    return f"mutation {{ {row.name}({arguments}) {{ userErrors {{ code field }} }} }}"


def shallow(row: Row, world: TwoHalves) -> str:
    """A query of the ids, or of all plain fields, of a root field."""
    found = get_named_type(QUERY.fields[row.name].type)
    arguments = filled(row.arguments, world)
    return f"{{ {row.name}{f'({arguments})' if arguments else ''} {_plain(found)} }}"


def _plain(of: Any) -> str:
    nodes = of.fields.get("nodes")
    if nodes is not None:
        return f"{{ nodes {_plain(get_named_type(nodes.type))} }}"
    leaves = [name for name, each in of.fields.items() if is_leaf_type(get_named_type(each.type))]
    return "{ __typename " + " ".join(leaves) + " }"


def cell(answer: Any, row: Row, world: TwoHalves) -> str:
    """`F`, `+` or `-` by the answer of a query or mutation."""
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert "INTERNAL" not in codes, (row, answer)
    if "FORBIDDEN" in codes:
        return "F"
    if codes:
        return "-"
    [value] = answer["data"].values()
    if isinstance(value, dict) and "userErrors" in value:
        errors = [error["code"] for error in value["userErrors"]]
        return "F" if "FORBIDDEN" in errors else "-" if "NOT_FOUND" in errors else "+"
    if value is None:
        return "-"
    wanted = filled(row.found, world).lower()
    return "+" if not wanted or any(wanted in text for text in texts(value)) else "-"


def expected(row: Row, letter: str) -> str:
    if letter in row.own:
        return "------"
    return row.cells if letter in row.roles else "FFFFFF"


def test_every_root_field_has_a_row() -> None:
    for root, rows in (
        (QUERY, QUERIES),
        (SCHEMA.mutation_type, MUTATIONS),
        (SUBSCRIPTION, SUBSCRIPTIONS),
    ):
        assert root is not None
        assert sorted(row.name for row in rows) == sorted(root.fields)


async def check(world: TwoHalves, rows: Sequence[Row], write: Any) -> None:
    """Fail with the rows and roles whose cells differ from the catalogue."""
    wrong: dict[tuple[str, str], tuple[str, str]] = {}
    keys = {letter: await keys_of(world, role) for letter, role in LETTERS.items()}
    for row in rows:
        for letter, of_role in keys.items():
            found = ""
            for key in of_role:
                once: dict[str, Any] = (
                    {"idempotency_key": f"k-{next(_UNIQUE)}"} if row in MUTATIONS else {}
                )
                answer = await world.api.post(write(row, world), key=key, **once)
                found += cell(answer.json(), row, world)
            if found != expected(row, letter):
                wrong[row.name, letter] = (found, expected(row, letter))
    assert not wrong, "\n".join(f"{names}: {cells}" for names, cells in wrong.items())


async def test_queries(world: TwoHalves) -> None:
    await check(world, QUERIES, shallow)


async def test_every_type_of_node(world: TwoHalves) -> None:
    assert NODES.keys() == NODE_TYPES.keys()
    await world.api.done(
        'mutation { supplierUpsert(code: "S", name: "S") { userErrors { code field message } } }',
        {},
    )
    await world.api.done(
        """mutation ($items: [ItemInput!]!) { itemsUpsert(items: $items) {
          userErrors { code field message } } }""",
        {"items": [{"sku": "TEE", "name": "Tee", "supplierCode": "S"}]},
    )
    found = await world.api.ask(
        """query ($parcel: ID!) { item(sku: "TEE") { id supplier { id } } reasonCodes { id }
        fulfillment(id: $parcel) { tracking { id } } }""",
        {"parcel": world.halves["bravo"].ids["Fulfillment"]},
    )
    ids = {
        **world.halves["bravo"].ids,
        "Item": found["item"]["id"],
        "Supplier": found["item"]["supplier"]["id"],
        "ReasonCode": found["reasonCodes"][0]["id"],
        "CarrierEvent": found["fulfillment"]["tracking"][0]["id"],
    }
    names = list(NODES)
    listed_ids = ", ".join(f'"{ids[name]}"' for name in names)
    singles = " ".join(f'n{name}: node(id: "{ids[name]}") {{ __typename }}' for name in names)
    document = f"{{ nodes(ids: [{listed_ids}]) {{ id }} {singles} }}"
    wrong: dict[tuple[str, str], tuple[str, str]] = {}
    for letter, role in LETTERS.items():
        cells = dict.fromkeys(names, "")
        for key in await keys_of(world, role):
            answer = await world.api.ask(document, key=key)
            for name, listed in zip(names, answer["nodes"], strict=True):
                single = answer[f"n{name}"]
                assert single in (None, {"__typename": name})
                assert (single is None) == (listed is None), (name, role)
                cells[name] += "-" if single is None else "+"
        for name, (roles, expected_cells) in NODES.items():
            wanted = expected_cells if letter in roles else "------"
            if cells[name] != wanted:
                wrong[name, letter] = (cells[name], wanted)
    assert not wrong, "\n".join(f"{names}: {cells}" for names, cells in wrong.items())


async def test_mutations(world: TwoHalves) -> None:
    await check(world, MUTATIONS, mutation)


async def test_subscriptions(world: TwoHalves) -> None:
    wrong: dict[tuple[str, str], tuple[str, str]] = {}
    for letter, role in LETTERS.items():
        found: dict[str, str] = {row.name: "" for row in SUBSCRIPTIONS}
        for key in await keys_of(world, role):
            async with screen(world.api, key) as client:
                for row in SUBSCRIPTIONS:
                    arguments = filled(row.arguments, world)
                    [document, *_] = documents(SUBSCRIPTION, row.name, arguments)
                    client.subscribe(row.name, document)
                first: dict[str, str] = {}
                while len(first) < len(SUBSCRIPTIONS):
                    async with asyncio.timeout(60):
                        message = orjson.loads((await client.outbox.get())["text"])
                    first.setdefault(message["id"], _opened(message))
            for name, letter_ in first.items():
                found[name] += letter_
        for row in SUBSCRIPTIONS:
            if found[row.name] != expected(row, letter):
                wrong[row.name, letter] = (found[row.name], expected(row, letter))
    assert not wrong, "\n".join(f"{names}: {cells}" for names, cells in wrong.items())


def _opened(message: Any) -> str:
    if message["type"] == "next":
        assert "errors" not in message["payload"], message
        return "+"
    codes = {error["extensions"]["code"] for error in message["payload"]}
    assert message["type"] == "error", message
    assert "INTERNAL" not in codes, message
    return "F" if "FORBIDDEN" in codes else "-"


async def test_without_a_key_only_open_fields_answer(world: TwoHalves) -> None:
    opened = set()
    for row in (*QUERIES, *MUTATIONS):
        text = mutation(row, world) if row in MUTATIONS else shallow(row, world)
        answer = (await world.api.post(text, key=None)).json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        if "UNAUTHENTICATED" not in codes:
            opened.add(row.name)
    # Of open channels only: availability, reservationCreate. The others ask for the id.
    assert opened == {"reservation", "reservationExtend", "reservationRelease"}
