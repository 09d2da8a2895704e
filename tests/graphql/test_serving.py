"""The server around the API: probes, metrics, request ids, rates, an unready database."""

import logging
from pathlib import Path

import pytest

from app import NotMigrated
from settings import RateLimit
from tests.builders.house import BOOTSTRAP, House


async def test_the_process_lives_and_is_ready(house: House) -> None:
    assert (await house.client.get("/healthz")).text == "ok\n"
    for _ in range(200):
        ready = await house.client.get("/readyz")
        if ready.status_code == 200:
            break
    assert ready.json() == {"ready": True, "database": "ok", "broadcast": "ok"}


async def test_metrics_are_for_this_machine_or_an_admin(house: House) -> None:
    await house.ask("{ viewer { actor } }")
    await house.code("{ orders(first: 999) { totalCount } }")
    text = (await house.client.get("/metrics")).text
    assert 'restow_graphql_requests_total{operation="query",status="200"}' in text
    assert 'restow_graphql_errors_total{code="BAD_REQUEST"} 1.0' in text
    wrong = {"authorization": "Bearer nonsense"}
    assert (await house.client.get("/metrics", headers=wrong)).status_code == 403
    admin = {"authorization": f"Bearer {BOOTSTRAP}"}
    assert (await house.client.get("/metrics", headers=admin)).status_code == 200


async def test_an_answer_carries_its_requests_id(house: House) -> None:
    given = await house.post("{ viewer { actor } }", x_request_id="order-desk-7")
    assert given.headers["x-request-id"] == "order-desk-7"
    unsound = await house.post("{ viewer { actor } }", x_request_id="a b" * 40)
    assert len(unsound.headers["x-request-id"]) == 32
    assert (await house.client.get("/healthz")).headers["x-request-id"]


async def test_an_internal_error_is_logged_with_its_request_and_told_without_detail(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("the inside")

    monkeypatch.setattr(house.restow.services.database, "snapshot", broken)
    answer = await house.post('{ item(sku: "TEE") { sku } }', x_request_id="desk-8")
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "desk-8"}
    assert "inside" not in answer.text
    assert logging.getLogger().handlers


async def test_a_browser_gets_graphiql_in_the_demo(house: House) -> None:
    page = await house.client.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await house.client.get("/graphiql/boot.js")).status_code == 200


async def test_outside_the_demo_there_is_neither_graphiql_nor_introspection(
    database_url: str,
) -> None:
    house = House(database_url, demo=False)
    await house.open()
    try:
        page = await house.client.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code >= 400
        assert (await house.client.get("/graphiql/boot.js")).status_code == 404
        assert await house.code("{ __schema { __typename } }") == "BAD_REQUEST"
        assert (await house.ask("{ viewer { role } }"))["viewer"] == {"role": "ADMIN"}
    finally:
        await house.close()


async def test_too_many_requests_of_a_role_are_refused(database_url: str) -> None:
    limits = {"ANONYMOUS": RateLimit(3, 60), "ADMIN": None}
    house = House(database_url, anonymous_channels="web", rate_limits=limits)
    await house.open()
    try:
        statuses = [(await house.post("{ __typename }", key=None)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await house.post("{ __typename }", key=None)
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) > 0
        for _ in range(5):
            assert (await house.post("{ __typename }")).status_code == 200
    finally:
        await house.close()


async def test_an_unmigrated_database_is_refused(tmp_path: Path) -> None:
    house = House(f"sqlite://{tmp_path}/nothing.db")
    with pytest.raises(NotMigrated, match="0001_core"):
        await house.open()
    await house.client.aclose()
