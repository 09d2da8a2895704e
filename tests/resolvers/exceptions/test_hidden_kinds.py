"""Exceptions with figures of the whole shop: who reads them, their events and their audit rows."""

from __future__ import annotations

from typing import Any

import pytest

import workflows.exceptions.opening
from domain.access.callers import Role, holder
from domain.events.visibility import may_see_event
from domain.exceptions import ExceptionKind, hidden_kinds
from tests.builders.in_process_server import InProcessServer
from workflows.transactions.transaction import Transaction

KINDS = (ExceptionKind.LEDGER_DRIFT, ExceptionKind.RETURN_SPIKE, ExceptionKind.INTEGRATION_DOWN)
SEEN = """{ exceptions(first: 50) { nodes { id kind } } events(first: 250) { nodes { type data } }
}"""
AUDIT = "{ auditTrail(first: 250) { nodes { subject after } } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
RESOLVE = """mutation ($id: ID!) { exceptionResolve(id: $id, resolution: "Seen.") {
  exception { id } userErrors { code field } } }"""
LEEDS, WEB = {"locations": ("LEEDS",)}, {"channels": ("web",)}
DRIFT, SPIKE, DOWN = map(str, KINDS)
# By hand: the kinds that exist for a role with this limit.
EXPECTED: tuple[tuple[Role, Any, set[str]], ...] = (
    (Role.ADMIN, {}, {DRIFT, SPIKE, DOWN}),
    (Role.FINANCE, {}, {DRIFT, SPIKE, DOWN}),
    (Role.FINANCE, LEEDS, set()),
    (Role.FINANCE, WEB, set()),
    (Role.SUPERVISOR, {}, {SPIKE, DOWN}),
    (Role.SUPERVISOR, WEB, set()),
    (Role.WAREHOUSE, LEEDS, set()),
)


async def _opened(api: InProcessServer) -> dict[str, str]:
    """Open one exception of each kind. Returns their ids by kind."""

    async def work(tx: Transaction) -> None:
        for kind in KINDS:
            await workflows.exceptions.opening.open_exception(
                tx, kind, ("Proof", kind), "Expected 5, found 6."
            )

    await api.restow.transactions.run(work)
    await api.settled()
    nodes = (await api.ask(SEEN))["exceptions"]["nodes"]
    return {node["kind"]: node["id"] for node in nodes}


async def test_figures_of_the_shop_are_for_keys_without_a_limit(api: InProcessServer) -> None:
    ids = await _opened(api)
    assert set(ids) == {DRIFT, SPIKE, DOWN}
    for number, (role, limit, kinds) in enumerate(EXPECTED):
        key = await api.a_key(role, name=f"key-{number}", **limit)
        seen = await api.ask(SEEN, key=key)
        assert {node["kind"] for node in seen["exceptions"]["nodes"]} == kinds, (role, limit)
        events = [each for each in seen["events"]["nodes"] if each["type"] == "exception.opened"]
        assert {each["data"]["kind"] for each in events} == kinds, (role, limit)
        for kind in {DRIFT, SPIKE, DOWN} - kinds:
            assert (await api.ask(NODE, {"id": ids[kind]}, key=key))["node"] is None
            refused = await api.refusals(RESOLVE, {"id": ids[kind]}, key=key)
            assert refused == [("NOT_FOUND", "id")], (role, limit, kind)
        if role in (Role.ADMIN, Role.FINANCE, Role.SUPERVISOR):
            trail: list[Any] = (await api.ask(AUDIT, key=key))["auditTrail"]["nodes"]
            opened = [row for row in trail if (row["after"] or {}).get("kind") in ids]
            assert {row["after"]["kind"] for row in opened} == kinds, (role, limit)


@pytest.mark.parametrize(("role", "limit", "kinds"), EXPECTED)
def test_streams_follow_the_same_rule(role: Role, limit: Any, kinds: set[str]) -> None:
    scope: Any = {name: frozenset(codes) for name, codes in limit.items()}
    caller = holder(role, actor="ann", **scope)
    assert {str(kind) for kind in KINDS if kind not in hidden_kinds(caller)} == kinds
    for kind in KINDS:
        is_seen = may_see_event(caller, "exception.opened", None, None, "system", {"kind": kind})
        assert is_seen is (kind in kinds)
