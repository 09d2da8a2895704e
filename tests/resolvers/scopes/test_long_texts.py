"""Each text of an input has a limit: one that is too long is refused where it stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    get_named_type,
    parse,
    value_from_ast_untyped,
)

from resolvers.root import schema as root
from tests.builders.in_process_server import InProcessServer
from tests.builders.transactions import rows
from tests.resolvers.scopes.catalogue import MUTATIONS, Row
from tests.resolvers.scopes.test_matrix import filled
from tests.resolvers.scopes.two_halves import TwoHalves, open_two_halves
from tests.resolvers.scopes.walks import SCHEMA

LONG: Final = "x" * 10_001
Place = tuple[str, ...]
# Texts for people. The others are codes.
FREE: Final = frozenset(
    [
        "note",
        "text",
        "resolution",
        "customerNote",
        "evidence",
        "label",
        "name",
        "city",
        "region",
        "postalCode",
        "lines",
        "phone",
        "email",
    ]
)
# Codes that are looked up after the state of the object was checked. They are not stored.
LOOKED_UP: Final = frozenset(
    [
        "fulfillmentReroute.locationCode",
        "TransferArrivalInput.sku",
        "TransferArrivalInput.binCode",
        "transferWriteOff.reasonCode",
    ]
)

# Arguments that the catalogue leaves out: with them, each text of each input has a place.
FULLER: Final[dict[str, dict[str, Any]]] = {
    "itemsUpsert": {"items": [{"sku": "TEE", "name": "Tee", "codes": [{"code": "A"}]}]},
    "fulfillmentDispatch": {"codes": ["A"]},
    "stockCountCreate": {"input": {"skus": ["TEE"]}},
    "transferReceive": {"input": {"lines": [{"sku": "TEE", "quantity": 1}]}},
    "transferShip": {"input": {"shortages": [{"sku": "TEE", "quantity": 1}]}},
    "integrationUpsert": {"input": {"webhook": {"events": ["order.*"], "after": "0"}}},
    "apiKeyCreate": {"input": {"refundLimit": {"amount": "1.00", "currencyCode": "GBP"}}},
    "orderPlace": {
        "input": {
            "shipTo": {"countryCode": "GB", "lines": ["1"]},
            "hold": {"reason": "OTHER"},
            "payments": [
                {
                    "reference": "p",
                    "amount": {"amount": "1", "currencyCode": "GBP"},
                }
            ],
            "tags": ["t"],
        }
    },
}


@pytest.fixture
async def world(api: InProcessServer) -> TwoHalves:
    return await open_two_halves(api)


def arguments(row: Row, world: TwoHalves) -> dict[str, Any]:
    """The arguments of a row of the catalogue, as JSON, with those of FULLER."""
    document: Any = parse(f"{{ f({filled(row.arguments, world)}) }}")
    [field] = document.definitions[0].selection_set.selections
    given = {each.name.value: value_from_ast_untyped(each.value) for each in field.arguments}
    return merged(given, FULLER.get(row.name, {}))


def merged(given: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    both = dict(given)
    for name, value in more.items():
        is_nested = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(both[name], value) if is_nested else value
    return both


def texts(kind: GraphQLInputType, value: Any, place: Place) -> Iterator[tuple[Place, bool]]:
    """The places of the texts in an argument, given or not; true: a list of texts."""
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if kind is GraphQLString:
        yield place, False
    elif isinstance(kind, GraphQLList) and get_named_type(kind) is GraphQLString:
        yield place, True
    elif isinstance(kind, GraphQLList):
        for index, each in enumerate(value or ()):
            yield from texts(kind.of_type, each, (*place, str(index)))
    elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
        for name, field in kind.fields.items():
            yield from texts(field.type, value.get(name), (*place, name))


def coordinate(mutation: str, place: Place) -> str:
    """The input field or argument at a place, like `StockMoveInput.note`."""
    assert SCHEMA.mutation_type is not None
    kind: Any = SCHEMA.mutation_type.fields[mutation]
    names = [part for part in place if not part.isdigit()]
    owner, fields = mutation, kind.args
    for name in names[:-1]:
        inner: Any = get_named_type(fields[name].type)
        owner, fields = inner.name, inner.fields
    return f"{owner}.{names[-1]}"


def all_texts() -> dict[str, str | None]:
    """Each text of an input or argument of a mutation, with its description."""
    assert SCHEMA.mutation_type is not None
    found: dict[str, str | None] = {}
    seen: set[str] = set()
    waiting: list[tuple[str, Any]] = [
        (name, field.args) for name, field in SCHEMA.mutation_type.fields.items()
    ]
    while waiting:
        owner, fields = waiting.pop()
        for name, field in fields.items():
            kind: Any = get_named_type(field.type)
            if kind is GraphQLString:
                found[f"{owner}.{name}"] = field.description
            elif isinstance(kind, GraphQLInputObjectType) and kind.name not in seen:
                seen.add(kind.name)
                waiting.append((kind.name, kind.fields))
    return found


def with_text(given: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(given)
    part: Any = changed
    for step in place[:-1]:
        part = part[int(step)] if step.isdigit() else part[step]
    part[place[-1]] = value
    return changed


async def test_each_text_of_an_input_has_a_limit(world: TwoHalves) -> None:
    assert SCHEMA.mutation_type is not None
    wrong: dict[str, object] = {}
    tried: set[str] = set()
    before = await _changes(world)
    for row in MUTATIONS:
        definition = SCHEMA.mutation_type.fields[row.name]
        given = arguments(row, world)
        for argument, of in definition.args.items():
            for place, is_list in texts(of.type, given.get(argument), (argument,)):
                named = coordinate(row.name, place)
                if named in tried:
                    continue
                tried.add(named)
                variables = with_text(given, place, [LONG] if is_list else LONG)
                errors = await refusals(world, row.name, variables)
                is_refused = any(_is_about(error, place) for error in errors)
                if not is_refused and named not in LOOKED_UP:
                    wrong[named] = errors
    assert await _changes(world) == before
    assert tried == all_texts().keys()
    assert not wrong, "\n".join(f"{name}: {errors}" for name, errors in wrong.items())


async def _changes(world: TwoHalves) -> int:
    """The number of changes that the caller has made."""
    sql = "SELECT COUNT(*) AS number FROM audit_entry WHERE actor = 'bootstrap'"
    [found] = await rows(world.api.restow.database, sql)
    return int(found["number"])


def _is_about(error: list[str], place: Place) -> bool:
    """True if an error names the place, or the input or the row that it is in."""
    return list(place)[: len(error)] == error or error[: len(place)] == list(place)


def test_each_free_text_states_its_limit() -> None:
    root.describe()
    assert {name.partition(".")[2] for name in all_texts()} >= FREE
    silent = {
        name
        for name, description in all_texts().items()
        if name.partition(".")[2] in FREE and "characters" not in (description or "")
    }
    assert not silent


async def refusals(world: TwoHalves, name: str, variables: dict[str, Any]) -> list[list[str]]:
    """The fields of all errors of a call."""
    assert SCHEMA.mutation_type is not None
    types = SCHEMA.mutation_type.fields[name].args
    declared = ", ".join(f"${each}: {types[each].type}" for each in variables)
    passed = ", ".join(f"{each}: ${each}" for each in variables)
    text = f"mutation ({declared}) {{ {name}({passed}) {{ userErrors {{ code field message }} }} }}"
    answer = (await world.api.post(text, variables)).json()
    assert "errors" not in answer, (name, answer["errors"])
    return [error["field"] for error in answer["data"][name]["userErrors"]]
