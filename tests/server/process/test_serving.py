"""The server around the API: probes, metrics, request ids, rate limits, an unready database."""

import logging
from pathlib import Path

import pytest

from app import NotMigrated
from server.process.rate_limits import RateLimit
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer


async def test_the_process_lives_and_is_ready(api: InProcessServer) -> None:
    assert (await api.client.get("/healthz")).text == "ok\n"
    for _ in range(200):
        ready = await api.client.get("/readyz")
        if "degraded" not in ready.json():
            break
    assert ready.json() == {"ready": True, "database": "ok", "broadcast": "ok", "disk": "ok"}


async def test_a_process_without_broadcast_is_ready_and_degraded(api: InProcessServer) -> None:
    """Subscriptions then poll the log, so a balancer must not take the process away."""
    api.restow.live.doorbell._is_connected = False
    ready = await api.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["degraded"] == ["broadcast"]
    assert ready.json()["broadcast"] == "not connected"


async def test_metrics_are_for_this_machine_or_an_admin(api: InProcessServer) -> None:
    await api.ask("{ viewer { actor } }")
    await api.code("{ orders(first: 999) { totalCount } }")
    text = (await api.client.get("/metrics")).text
    assert 'restow_graphql_requests_total{operation="query",status="200"}' in text
    assert 'restow_graphql_errors_total{code="BAD_REQUEST"} 1.0' in text
    wrong = {"authorization": "Bearer nonsense"}
    assert (await api.client.get("/metrics", headers=wrong)).status_code == 403
    admin = {"authorization": f"Bearer {BOOTSTRAP}"}
    assert (await api.client.get("/metrics", headers=admin)).status_code == 200


async def test_an_answer_carries_its_requests_id(api: InProcessServer) -> None:
    given = await api.post("{ viewer { actor } }", x_request_id="order-desk-7")
    assert given.headers["x-request-id"] == "order-desk-7"
    unsound = await api.post("{ viewer { actor } }", x_request_id="a b" * 40)
    assert len(unsound.headers["x-request-id"]) == 32
    assert (await api.client.get("/healthz")).headers["x-request-id"]


async def test_an_internal_error_is_logged_and_answered_without_detail(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("the inside")

    monkeypatch.setattr(api.restow.services.database, "snapshot", broken)
    answer = await api.post('{ item(sku: "TEE") { sku } }', x_request_id="desk-8")
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "desk-8"}
    assert "inside" not in answer.text
    assert logging.getLogger().handlers


async def test_a_browser_gets_graphiql_in_the_demo(api: InProcessServer) -> None:
    page = await api.client.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await api.client.get("/graphiql/boot.js")).status_code == 200


async def test_outside_the_demo_there_is_neither_graphiql_nor_introspection(
    database_url: str,
) -> None:
    api = InProcessServer(database_url, demo=False)
    await api.open()
    try:
        page = await api.client.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code >= 400
        assert (await api.client.get("/graphiql/boot.js")).status_code == 404
        assert await api.code("{ __schema { __typename } }") == "BAD_REQUEST"
        assert (await api.ask("{ viewer { role } }"))["viewer"] == {"role": "ADMIN"}
    finally:
        await api.close()


async def test_too_many_requests_of_a_role_are_refused(database_url: str) -> None:
    limits = {"ANONYMOUS": RateLimit(3, 60), "ADMIN": None}
    api = InProcessServer(database_url, anonymous_channels="web", rate_limits=limits)
    await api.open()
    try:
        statuses = [(await api.post("{ __typename }", key=None)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await api.post("{ __typename }", key=None)
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) > 0
        for _ in range(5):
            assert (await api.post("{ __typename }")).status_code == 200
    finally:
        await api.close()


async def test_an_unmigrated_database_is_refused(tmp_path: Path) -> None:
    api = InProcessServer(f"sqlite://{tmp_path}/nothing.db")
    with pytest.raises(NotMigrated, match="0001_core"):
        await api.open()
    await api.client.aclose()
