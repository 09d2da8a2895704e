"""Random documents on a large amount of sales: no answer has more values than its static cost, and
none takes long, much memory or the event loop. `RESTOW_LONG=1` runs many.
"""

import os
import resource
import time
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from graphql import GraphQLField, get_named_type, is_required_argument

from resolvers.root import schema
from tests.builders.in_process_server import InProcessServer
from tests.server.large_sales import ITEMS, REFERENCE, open_large_sales
from tests.server.random_documents import RandomDocument

DOCUMENTS = 1_500 if os.environ.get("RESTOW_LONG") == "1" else 60
SECONDS_MAX = 2.0  # of CPU
MEMORY_MAX = 200 * 1024  # KiB, in addition to what the world takes
SEED = 20_261_130

_ORDER = f'channel: "web", externalReference: "{REFERENCE}"'
_ARGUMENTS = {
    "channel": '"web"',
    "code": '"LEEDS"',
    "sku": '"L-001"',
    "skus": "[" + ", ".join(f'"L-{number:03}"' for number in range(0, ITEMS, 5)) + "]",
    "first": "250",
    "last": "40",
}
# Other fields take the id of one object, or start with what no caller may see.
_FIELDS = frozenset(
    [
        "items",
        "locations",
        "channels",
        "reasonCodes",
        "availability",
        "stockLevels",
        "stockMovements",
        "order",
        "orders",
        "reservations",
        "fulfillments",
        "tasks",
        "returns",
        "refunds",
        "journalEntries",
        "trialBalance",
        "periods",
        "exceptions",
        "auditTrail",
        "policies",
        "apiKeys",
        "events",
    ]
)


class RandomQuery(RandomDocument):
    """A query whose arguments lead to many rows."""

    def _field(self, type_: Any, depth: int) -> str:
        is_root = type_ is self.schema.query_type
        fields = {
            name: each
            for name, each in type_.fields.items()
            # JSON is one value, whatever is in it.
            if get_named_type(each.type).name != "JSON" and (not is_root or name in _FIELDS)
        }
        return super()._field(cast(Any, SimpleNamespace(name=type_.name, fields=fields)), depth)

    def _arguments(self, definition: GraphQLField) -> str:
        query_type = self.schema.query_type
        assert query_type is not None
        if definition is query_type.fields["order"]:
            return f"({_ORDER})"
        given = [
            f"{name}: {_ARGUMENTS[name]}"
            for name, argument in definition.args.items()
            if name in _ARGUMENTS
            and (is_required_argument(argument) or (name == "first" and self.random.random() < 0.7))
        ]
        return f"({', '.join(given)})" if given else ""


def values(answer: Any) -> int:
    """The number of objects and leaves in an answer; a list of leaves is one."""
    if isinstance(answer, dict):
        return 1 + sum(map(values, answer.values()))
    if isinstance(answer, list) and answer and isinstance(answer[0], dict | list):
        return sum(map(values, answer))
    return 1


async def test_no_answer_has_more_values_than_its_cost(api: InProcessServer) -> None:
    await open_large_sales(api)
    query_type = schema.graphql_schema.query_type
    assert query_type is not None
    random = Random(SEED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answered, largest = 0, 0
    for _ in range(DOCUMENTS):
        query = RandomQuery(schema.graphql_schema, random).draw(query_type)
        started = time.process_time()
        answer = (await api.post(query.text, query.variables)).json()
        assert time.process_time() - started < SECONDS_MAX, query.text
        if answer.get("data") is None:
            [code] = {error["extensions"]["code"] for error in answer["errors"]}
            assert code == "BAD_REQUEST", answer["errors"]
            continue
        answered += 1
        found = sum(map(values, answer["data"].values()))
        largest = max(largest, found)
        assert found <= answer["extensions"]["cost"]["requested"], query.text
    assert answered > DOCUMENTS // 2
    assert largest > 1_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_MAX
