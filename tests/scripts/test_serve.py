"""If `make serve` cannot start, it names the reason and the wrong variable."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.database.database import Database
from scripts.serve import prepare
from settings import Settings
from tests import raw
from tests.builders.store import open_shop
from tests.races.server_processes import KEY, PATIENCE_SECONDS
from tests.servers import free_port

ROOT = Path(__file__).parent.parent.parent
LONG = os.environ.get("RESTOW_LONG") == "1"
# The engine does not depend on the currency: RESTOW_LONG=1 serves every pair.
EVERY = [
    (engine, code) for engine in ("sqlite", "postgres") for code in ("USD", "EUR", "JPY", "KWD")
]
DEMOS = EVERY if LONG else [("sqlite", "JPY"), ("postgres", "USD")]
ITEMS = "{ items(first: 50) { totalCount edges { node { unitCost { amount currencyCode } } } } }"


def refusal(**variables: str) -> str:
    """The last line that the program prints before it ends."""
    named = {f"RESTOW_{name}": value for name, value in variables.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.serve"],
        cwd=ROOT,
        env={"PATH": os.defpath, "RESTOW_PORT": "18431", **named},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended
    (line,) = ended.stderr.splitlines()
    return line


@pytest.mark.parametrize("what", ["a folder", "no database"])
def test_a_file_that_is_no_database(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.db"
    if what == "a folder":
        path.mkdir()
    else:
        path.write_text("This is a letter, and a long one.\n" * 10)
    line = refusal(DATABASE_URL=f"sqlite://{path}")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")


def test_a_database_that_does_not_exist(postgres_url: str) -> None:
    line = refusal(DATABASE_URL=f"{postgres_url}_gone")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")
    assert "does not exist" in line


def test_a_server_that_does_not_answer() -> None:
    line = refusal(DATABASE_URL="postgres://restow:secret@127.0.0.1:1/restow")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")
    assert "secret" not in line


async def test_the_base_currency_stays_once_stock_was_received(database: Database) -> None:
    shop = await open_shop(database)
    await shop.receive(1)
    line = refusal(DATABASE_URL=database.url, BASE_CURRENCY="EUR")
    assert line == (
        "serve: RESTOW_BASE_CURRENCY: it is EUR, but costs are kept in GBP since stock was received"
    )


@pytest.mark.parametrize(("engine", "currency"), DEMOS)
def test_a_fresh_checkout_serves_the_demo_in_any_base_currency(
    database_url: str, currency: str
) -> None:
    asyncio.run(raw.empty(database_url))
    port = free_port()
    environment = {
        "PATH": os.defpath,
        "RESTOW_DATABASE_URL": database_url,
        "RESTOW_BASE_CURRENCY": currency,
        "RESTOW_DEMO": "1",
        "RESTOW_PORT": str(port),
        "RESTOW_BOOTSTRAP_KEY": KEY,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as server:
        try:
            nodes = asyncio.run(_items(server, f"http://127.0.0.1:{port}"))
        finally:
            server.terminate()
        output = server.communicate(timeout=60)[0].decode()
    assert "adding the demo" in output
    assert len(nodes) == 14
    assert {each["node"]["unitCost"]["currencyCode"] for each in nodes} == {currency}
    proven = subprocess.run(
        [sys.executable, "-m", "scripts.reconcile"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (proven.returncode, proven.stderr) == (0, ""), proven


async def _items(server: "subprocess.Popen[bytes]", address: str) -> list[Any]:
    """The items of the demo, as soon as the server is ready."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if (await client.get(f"{address}/readyz")).is_success:
                    answer = await client.post(f"{address}/graphql", json={"query": ITEMS})
                    nodes: list[Any] = answer.json()["data"]["items"]["edges"]
                    return nodes
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the server is not ready")


async def test_another_base_currency_before_stock_is_received_renews_the_default_limits(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(database_url=database_url, base_currency="KWD")
    await prepare(settings)
    assert capsys.readouterr().out.splitlines() == [
        "serve: the default REFUND policy now has its limits in KWD",
        "serve: the default ADJUSTMENT policy now has its limits in KWD",
        "serve: the default COUNT policy now has its limits in KWD",
    ]
    await prepare(settings)
    assert capsys.readouterr().out == ""
