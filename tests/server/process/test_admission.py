"""Admission: refused log-ins are counted and logged, and new documents cost tokens."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from domain.access.callers import Role
from models.queries import access as key_queries
from server.process.rate_limits import RateLimit
from tests.builders.in_process_server import BOOTSTRAP, HOLD, InProcessServer
from tests.builders.transactions import rows
from tests.server.socket import InProcessServer as SocketServer

WRONG = "rsk_0123456789ab_" + "w" * 43
QUERY = "{ viewer { role } }"
LIMITS = {"ANONYMOUS": RateLimit(6, 60), "REFUSED": RateLimit(3, 60), "ADMIN": None}


@pytest.fixture
async def strict(database_url: str) -> InProcessServer:
    return InProcessServer(database_url, anonymous_channels="web", rate_limits=LIMITS)


async def test_refused_log_ins_are_limited_by_address_and_logged_without_the_key(
    strict: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    found = key_queries.key_by_prefix

    async def counted(session: object, prefix: str) -> object:
        looked_up.append(prefix)
        return await found(session, prefix)  # type: ignore[arg-type]

    await strict.open()
    try:
        await strict.create_master_data()
        new_key = await strict.a_key(Role.SUPPORT)
        monkeypatch.setattr(key_queries, "key_by_prefix", counted)
        with capture_logs() as logs:
            answers = [await strict.post(QUERY, key=WRONG) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429, 429]
        assert len(looked_up) == 3  # a refused address does not reach the database
        lines = [line for line in logs if line["event"] == "access.refused"]
        assert [(line["address"], line["key_prefix"]) for line in lines] == [
            ("127.0.0.1", "0123456789ab")
        ] * 3
        assert "www" not in str(logs)
        for refused in (answers[-1], await strict.post(QUERY, key=new_key)):
            assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
            assert int(refused.headers["retry-after"]) > 0
        hold = {"input": {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}}
        assert (await strict.post(HOLD, hold, key=WRONG)).status_code == 429
        assert await rows(strict.restow.database, "SELECT id FROM reservation") == []
        metrics = await strict.client.get("/metrics", headers={"authorization": f"Bearer {WRONG}"})
        export = await strict.client.get(
            "/export/journal.csv", headers={"authorization": f"Bearer {WRONG}"}
        )
        assert (metrics.status_code, export.status_code) == (403, 429)
        assert (await strict.post(QUERY, key=BOOTSTRAP)).status_code == 200  # it is known
        assert (await strict.post("{ __typename }", key=None)).status_code == 200
    finally:
        await strict.close()


async def test_a_malformed_authorization_is_a_refused_log_in(strict: InProcessServer) -> None:
    await strict.open()
    try:
        with capture_logs() as logs:
            for header in ("Basic eHg6eXk=", "Bearer", "Bearer secret-of-a-typo"):
                answer = await strict.client.post(
                    "/graphql", json={"query": QUERY}, headers={"authorization": header}
                )
                assert answer.status_code == 401
        assert [line["key_prefix"] for line in logs] == [None, None, None]
        assert "typo" not in str(logs)
        assert (await strict.post(QUERY, key=WRONG)).status_code == 429
    finally:
        await strict.close()


async def test_large_new_documents_use_up_the_limit_of_an_address(strict: InProcessServer) -> None:
    await strict.open()
    try:
        document = "{ __typename } #" + "x" * 3_000
        statuses = [
            (await strict.post(text, key=None)).status_code
            for text in (document, document, document + "y", document)
        ]
        assert statuses == [200, 200, 429, 429]  # 1 + 3 tokens, then 1, then 1 + 3 of 1
        assert len(strict.restow.engine.documents) == 1
    finally:
        await strict.close()


async def test_each_operation_of_a_socket_costs_tokens() -> None:
    server = SocketServer()
    async with server.open() as client:
        for number, text in enumerate(("{ echo }", "{ wrong }", "{ echo } #" + "x" * 2_000)):
            client.subscribe(str(number), text)
            while (await client.receive())["type"] == "next":
                pass
    assert server.charged == [1, 1, 3]
