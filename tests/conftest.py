"""Fixtures that bring real databases and servers, and the count of what ran on which engine.

async def test_something(database): ...        runs twice: on SQLite and on PostgreSQL
def test_something(database_url): ...          the same, with the address only
def test_something(fresh_database): ...        the same, as many databases as it calls for
def test_something(postgres_url): ...          on PostgreSQL only
async def test_something(single): ...          on both, opened, with a single connection that writes
async def test_something(one): ...             the same, opened, with a single connection
def test_something(redis_url): ...             with a Redis that no other test uses meanwhile
def test_something(tell): ...                  tells a figure in the summary of the run
async def test_something(api): ...             the whole program in process, with stock, on both
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import aiosqlite.core
import pytest

from models.database.database import Database, DatabaseLimits
from tests import databases, row_types, servers
from tests.builders.in_process_server import InProcessServer

# A test that fails between opening and closing a SQLite connection leaves its thread behind; it
# must not keep the test process from ending.
setattr(aiosqlite.core, "Thread", partial(Thread, daemon=True))  # noqa: B010 - it is not exported

SESSION = "TEST_SESSION_DIRECTORY"
LONG_TIMEOUT_SECONDS = 3_600  # instead of pyproject.toml's, which is for the short forms
KEEPER: pytest.StashKey[servers.Keeper] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Open the session's directory, which the workers of pytest-xdist find in the environment."""
    if os.environ.get("RESTOW_LONG") == "1":
        config.option.timeout = LONG_TIMEOUT_SECONDS
    if not hasattr(config, "workerinput"):
        directory, keeper = servers.open_session()
        os.environ[SESSION] = str(directory)
        config.stash[KEEPER] = keeper
    row_types.install()


def pytest_sessionfinish() -> None:
    """Every test process leaves a server that is not ours as it was."""
    databases.drop_rested()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every server, also after Ctrl-C."""
    if keeper := config.stash.get(KEEPER, None):
        databases.drop_template(session_directory())
        servers.close_session(keeper)


def session_directory() -> Path:
    """Where the servers and templates of this test session are."""
    return Path(os.environ[SESSION])


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database; every test that asks for one runs on both."""
    return str(request.param)


@pytest.fixture
def fresh_database(engine: str, tmp_path: Path) -> Iterator[databases.Databases]:
    """Fresh migrated databases, by their addresses; gone after the test."""
    lent = databases.Databases(engine, session_directory(), tmp_path)
    yield lent
    lent.give_all_back()


@pytest.fixture
def database_url(fresh_database: Callable[[], str]) -> str:
    """The address of a fresh migrated database."""
    return fresh_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh migrated database, opened."""
    opened = Database(database_url)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A fresh migrated database, opened, with a single connection that writes."""
    opened = Database(database_url, DatabaseLimits(pool=1))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The address of a fresh migrated database, for what only PostgreSQL has."""
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.give_back_postgres(url)


@pytest.fixture
async def one(postgres_url: str) -> AsyncIterator[Database]:
    """A database with a single connection, on PostgreSQL."""
    opened = Database(postgres_url, DatabaseLimits(pool=1))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def redis_url() -> str:
    """The address of an empty Redis: TEST_REDIS_URL, or one of this test process's own."""
    if named := os.environ.get("TEST_REDIS_URL"):
        return named
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    server = servers.RedisServer(session_directory() / f"redis-{worker}")
    url = server.start()
    server.command("FLUSHALL")
    return url


@pytest.fixture(autouse=True)
def rows_are_as_declared() -> Iterator[None]:
    """Fail a test that read a row which differs from the type that its query declares."""
    row_types.faults.clear()
    yield
    assert not row_types.faults, "\n".join(row_types.faults)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells a figure in the summary: what is worth knowing and asserted by nobody."""
    return lambda figure: request.node.user_properties.append(("figure", figure))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the engine on the test's report, which travels from a worker to the summary."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if "postgres_url" in item.fixturenames:
        item.user_properties.append(("engine", "postgres"))
    elif "engine" in parameters:
        item.user_properties.append(("engine", parameters["engine"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on each engine, and the figures that tests tell."""
    reports = [
        report
        for outcome in ("passed", "failed", "xfailed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    counts = Counter(dict(report.user_properties).get("engine") for report in reports)
    for report in reports:
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(value)
    terminalreporter.write_line(
        f"{counts['sqlite']} tests on SQLite, {counts['postgres']} on PostgreSQL, "
        f"{counts[None]} on neither"
    )


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[InProcessServer]:
    """The program, with locations, channels and items; the web channel is open to anybody."""
    api = InProcessServer(database_url, anonymous_channels="web")
    await api.open()
    try:
        await api.stock_the_shelves()
        yield api
    finally:
        await api.close()
