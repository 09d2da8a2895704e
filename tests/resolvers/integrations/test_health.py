"""Health over the API: figures, the stream of statuses, and the run that an outage starts."""

from __future__ import annotations

import asyncio
from typing import Any

from domain.access.callers import Role
from domain.integrations.figures import TryResult
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.integrations.documents import CHANGED
from tests.resolvers.test_subscriptions import screen
from workflows.continuity.outages import start_due

SUCCEEDED, FAILED, THROTTLED = TryResult
FIGURES = """query ($code: String!) { integration(code: $code) { id status statusReasons figures {
  calls failures throttled p50Ms p99Ms backlog oldestSeconds lastSuccessAt } } }"""
RUNS = """{ playbookRuns(active: true) { nodes {
  playbook startedBy carriers integration { code status } measures { kind } } } }"""


async def figures_of(api: InProcessServer, code: str = "payments", **by: Any) -> Any:
    return (await api.ask(FIGURES, {"code": code}, **by))["integration"]


async def test_figures_are_zero_before_the_first_call(api: InProcessServer) -> None:
    assert (await figures_of(api))["figures"] == {
        "calls": 0,
        "failures": 0,
        "throttled": 0,
        "p50Ms": None,
        "p99Ms": None,
        "backlog": 0,
        "oldestSeconds": 0,
        "lastSuccessAt": None,
    }


async def test_figures_count_calls_and_their_durations(api: InProcessServer) -> None:
    health = api.restow.health
    for _ in range(99):
        health.record("payments", SUCCEEDED, 0.1)
    health.record("payments", FAILED, 1.5, "no answer arrived in time")
    for _ in range(5):
        health.record("payments", THROTTLED, 0.01)
    await health.flush()
    found = (await figures_of(api))["figures"]
    assert (found["calls"], found["failures"], found["throttled"]) == (105, 1, 5)
    assert 97 <= found["p50Ms"] <= 103
    assert 97 <= found["p99Ms"] <= 103
    assert found["lastSuccessAt"] is not None


async def test_an_outage_is_streamed_and_names_its_run(api: InProcessServer) -> None:
    health = api.restow.health
    async with screen(api, await api.a_key(Role.ADMIN, name="ada")) as client:
        await client.watch(api, CHANGED, codes=["carriers/simulator"])
        for _ in range(5):
            health.record("carriers/simulator", FAILED, 0.1, "the carrier answered 503")
        await health.flush()
        event = await client.next()
    assert event["integration"]["status"] == "DOWN"
    shown = await figures_of(api, "carriers/simulator")
    assert shown["status"] == "DOWN"
    assert shown["statusReasons"][-1] == "Last failure: the carrier answered 503."
    async with asyncio.timeout(30):
        while not (nodes := (await api.ask(RUNS))["playbookRuns"]["nodes"]):
            await api.restow.transactions.run(start_due)
    assert nodes == [
        {
            "playbook": "onDown.CARRIER",
            "startedBy": "system",
            "carriers": ["simulator"],
            "integration": {"code": "carriers/simulator", "status": "DOWN"},
            "measures": [{"kind": "MANUAL_LABELS"}],
        }
    ]


async def test_a_limited_key_sees_the_figures_of_the_gateway(api: InProcessServer) -> None:
    limited = await api.a_key(
        Role.SUPERVISOR, name="limited", channels=("web",), locations=("LEEDS",)
    )
    assert (await figures_of(api, key=limited))["figures"]["calls"] == 0
    partner = await api.a_key(Role.PARTNER, name="dhl")
    assert await figures_of(api, key=partner) is None
