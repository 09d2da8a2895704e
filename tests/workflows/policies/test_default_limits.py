"""Default policies follow the base currency, which may change until stock is received."""

import asyncio
from typing import Any

import orjson
import pytest

import workflows.policies.publishing
from domain.access.callers import Role, holder
from domain.policies.defaults import default_rules
from domain.policies.policies import PolicyKind
from domain.terms import Terms
from models.database.database import Database
from tests.builders.transactions import codes, counts, events, rows, transactions_on
from workflows.policies.default_limits import name_base_currency
from workflows.policies.publishing import PublishPolicy
from workflows.transactions.outcomes import Request
from workflows.transactions.runner import Transactions

ADMIN = holder(Role.ADMIN, actor="boss")
A, C, F = PolicyKind.ADJUSTMENT, PolicyKind.COUNT, PolicyKind.REFUND


def on(database: Database, currency: str) -> Transactions:
    return transactions_on(database, terms=Terms(currency))


async def published(database: Database) -> list[tuple[str, int, str, Any]]:
    """Kind, version, publisher and rules of every version after the first."""
    found = await rows(
        database,
        "SELECT kind, version, published_by, CAST(rules AS text) AS rules FROM policy"
        " WHERE version > 1 ORDER BY kind, version",
    )
    return [
        (row["kind"], row["version"], row["published_by"], orjson.loads(row["rules"]))
        for row in found
    ]


@pytest.mark.parametrize(
    ("currency", "kinds"), [("GBP", []), ("USD", [A, C]), ("JPY", [F, A, C]), ("KWD", [F, A, C])]
)
async def test_defaults_are_published_again_in_the_new_currency(
    database: Database, currency: str, kinds: list[PolicyKind]
) -> None:
    assert await on(database, currency).run(name_base_currency) == kinds
    rules = default_rules(currency)
    assert await published(database) == [
        (str(kind), 2, "system", rules[kind]) for kind in sorted(kinds)
    ]
    assert len(await events(database, "policy.published")) == len(kinds)
    before = await counts(database, "policy", "event", "audit_entry")
    assert await on(database, currency).run(name_base_currency) == []
    assert await counts(database, *before) == before


async def test_rules_that_a_person_published_stay(database: Database) -> None:
    command = PublishPolicy(A, "global", {"approvalAbove": {"GBP": "7.00"}})
    outcome = await on(database, "GBP").perform(
        workflows.policies.publishing.publish, Request(command, ADMIN)
    )
    assert codes(outcome) == []
    assert await on(database, "JPY").run(name_base_currency) == [F, C]
    assert [(kind, version, by) for kind, version, by, _ in await published(database)] == [
        ("ADJUSTMENT", 2, "boss"),
        ("COUNT", 2, "system"),
        ("REFUND", 2, "system"),
    ]


async def test_servers_that_start_at_once_publish_once(database: Database) -> None:
    transactions = on(database, "JPY")
    found = await asyncio.gather(*(transactions.run(name_base_currency) for _ in range(4)))
    assert sorted(map(len, found)) == [0, 0, 0, 3]
    assert [each[:2] for each in await published(database)] == [
        ("ADJUSTMENT", 2),
        ("COUNT", 2),
        ("REFUND", 2),
    ]
