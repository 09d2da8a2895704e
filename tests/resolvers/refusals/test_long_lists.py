"""Lists without pages: one that is too long is refused with the number, never cut.

Rows that the caller may not see do not count.
"""

from typing import Any

import pytest

import models.queries.reads.access as access_reads
import models.queries.reads.catalog as catalog_reads
import models.queries.reads.ledger as ledger_reads
import models.queries.reads.policies as policy_reads
import resolvers.access
from domain.access.callers import Role
from models.access import ApiKey
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from workflows.transactions.transaction import Transaction

CLOSE = """mutation ($at: DateTime!) { periodClose(through: $at) { userErrors { code field } } }"""
# Per query: the module, and the name of its limit.
LISTS: dict[str, tuple[Any, str]] = {
    "apiKeys": (access_reads, "KEYS_MAX"),
    "policies": (policy_reads, "POLICIES_MAX"),
    "periods": (ledger_reads, "PERIODS_MAX"),
    "locations": (catalog_reads, "LOCATIONS_MAX"),
    "channels": (catalog_reads, "LOCATIONS_MAX"),
    "actors": (resolvers.access, "ACTORS_MAX"),
}
PUBLISH = """mutation ($input: PolicyInput!) { policyPublish(input: $input) {
  policy { id } userErrors { code field message } } }"""


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_above_its_limit_is_refused(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for day in (1, 2):
        await api.done(CLOSE, {"at": f"2020-01-0{day}T00:00:00Z"})
    module, limit = LISTS[name]
    text = f"{{ {name} {{ __typename }} }}"
    rows = len((await api.ask(text))[name])
    assert rows
    monkeypatch.setattr(module, limit, rows)
    assert len((await api.ask(text))[name]) == rows
    monkeypatch.setattr(module, limit, rows - 1)
    answer = (await api.post(text)).json()
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert f"{rows - 1:,}" in error["message"]


@pytest.mark.parametrize("name", ["apiKeys", "policies", "locations", "channels", "actors"])
async def test_rows_outside_of_the_scope_do_not_count(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also when those that the caller sees are the oldest, behind a whole block of others."""
    [limited, *_] = [
        await api.a_key(
            Role.ADMIN, name=f"{channel} {n}", channels=(channel,), locations=(location,)
        )
        for channel, location in (("market", "YORK"), ("web", "LEEDS"))
        for n in range(3)
    ]
    for location in ("YORK", "LEEDS", "LEEDS", "LEEDS"):
        rules = {"kind": "ADJUSTMENT", "scope": f"location:{location}"}
        await api.done(PUBLISH, {"input": {**rules, "rules": {"approvalAbove": {"GBP": "1.00"}}}})
    text = f"{{ {name} {{ __typename }} }}"
    seen, existing = [len((await api.ask(text, key=key))[name]) for key in (limited, BOOTSTRAP)]
    assert 0 < seen < existing
    module, limit = LISTS[name]
    monkeypatch.setattr(module, limit, seen)
    assert len((await api.ask(text, key=limited))[name]) == seen
    assert await api.code(text) == "BAD_REQUEST"
    monkeypatch.setattr(module, limit, seen - 1)
    assert await api.code(text, key=limited) == "BAD_REQUEST"


async def test_five_thousand_keys_are_listed_and_one_more_is_not(api: InProcessServer) -> None:
    async def add(tx: Transaction, count: int) -> None:
        keys = [
            {
                "id": tx.new_id(),
                "name": "many",
                "actor": "many",
                "role": "WAREHOUSE",
                "prefix": tx.new_id().hex[-12:],
                "secret_hash": tx.new_id().hex * 2,
                "channels": None,
                "locations": None,
                "refund_limit_minor": None,
                "refund_limit_currency": None,
                "created_at": tx.now,
                "created_by": "test",
                "expires_at": None,
                "revoked_at": tx.now,
                "last_used_at": None,
            }
            for _ in range(count)
        ]
        for start in range(0, count, 500):
            await tx.session.insert(ApiKey, keys[start : start + 500])

    await api.restow.transactions.run(lambda tx: add(tx, access_reads.KEYS_MAX - 1))
    assert len((await api.ask("{ apiKeys { id } }"))["apiKeys"]) == access_reads.KEYS_MAX
    await api.restow.transactions.run(lambda tx: add(tx, 1))
    assert await api.code("{ apiKeys { id } }", {}) == "BAD_REQUEST"
