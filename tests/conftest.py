"""Fixtures for databases and servers, and a summary of the number of tests on each engine.

async def test_something(database): ...        runs twice: on SQLite and on PostgreSQL
def test_something(database_url): ...          the same, with the URL of a database only
def test_something(fresh_database): ...        the same, with as many databases as the test creates
def test_something(postgres_url): ...          on PostgreSQL only
async def test_something(single): ...          on both, with a single writing connection
async def test_something(one): ...             on PostgreSQL only, with a single connection
def test_something(redis_url): ...             with a Redis that no other test uses at the same time
def test_something(report_figure): ...         adds a figure to the summary of the run
async def test_something(api): ...             on both, the whole program with master data
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import aiosqlite.core
import hypothesis
import pytest

import server.process.garbage_collection as garbage_collection
from models.database.database import Database, DatabaseLimits
from tests import databases, orm_setup, row_types, servers
from tests.builders.in_process_server import InProcessServer

# A test that fails while it opens or closes a SQLite connection leaves a thread running. A daemon
# thread does not keep the test process from ending.
setattr(aiosqlite.core, "Thread", partial(Thread, daemon=True))  # noqa: B010  it is not exported

SESSION = "TEST_SESSION_DIRECTORY"
LONG_TIMEOUT_SECONDS = 3_600  # replaces the timeout of pyproject.toml, which is for the short runs
KEEPER: pytest.StashKey[servers.Keeper] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Create the session's directory; pytest-xdist workers find it in the environment."""
    if os.environ.get("RESTOW_LONG") == "1":
        config.option.timeout = LONG_TIMEOUT_SECONDS
    if not hasattr(config, "workerinput"):
        directory, keeper = servers.open_session()
        os.environ[SESSION] = str(directory)
        config.stash[KEEPER] = keeper
    orm_setup.install()
    row_types.install()
    # A test proves no speed: on a busy machine any example may take long.
    hypothesis.settings.register_profile("restow", deadline=None)
    hypothesis.settings.load_profile("restow")


def pytest_collection_finish() -> None:
    """Exclude the program and the collected tests from garbage collection."""
    garbage_collection.settle()


def pytest_sessionfinish() -> None:
    """Drop this process's databases if the server is not our own."""
    databases.drop_rested()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every server, also after Ctrl-C."""
    if keeper := config.stash.get(KEEPER, None):
        databases.drop_template(session_directory())
        servers.close_session(keeper)


def session_directory() -> Path:
    """Directory with the servers and templates of this test session."""
    return Path(os.environ[SESSION])


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database; a test with this fixture runs on both kinds."""
    return str(request.param)


@pytest.fixture
def fresh_database(engine: str, tmp_path: Path) -> Iterator[databases.Databases]:
    """Create fresh migrated databases and return their URLs; they are removed after the test."""
    lent = databases.Databases(engine, session_directory(), tmp_path)
    yield lent
    lent.give_all_back()


@pytest.fixture
def database_url(fresh_database: Callable[[], str]) -> str:
    """URL of a fresh migrated database."""
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
    """A fresh migrated database, opened with a single writing connection."""
    opened = Database(database_url, DatabaseLimits(pool=1))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """URL of a fresh migrated PostgreSQL database, for features that SQLite lacks."""
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.give_back_postgres(url)


@pytest.fixture
async def one(postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL database with a single connection."""
    opened = Database(postgres_url, DatabaseLimits(pool=1))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def redis_url() -> str:
    """URL of an empty Redis: TEST_REDIS_URL, or a server that belongs to this test process."""
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
def report_figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Add a figure to the summary of the run, for information only."""
    return lambda figure: request.node.user_properties.append(("figure", figure))


def engine_of(item: pytest.Item) -> str | None:
    """The engine that a test runs on: "sqlite", "postgres" or None."""
    assert isinstance(item, pytest.Function)
    if "postgres_url" in item.fixturenames:
        return "postgres"
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return str(parameters["engine"]) if "engine" in parameters else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on PostgreSQL, so that `-m "not postgres"` leaves them out."""
    for item in items:
        if engine_of(item) == "postgres":
            item.add_marker("postgres")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Record the engine on the test's report, which carries it from a worker to the summary."""
    if (engine := engine_of(item)) is not None:
        item.user_properties.append(("engine", engine))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of tests on each engine, and the figures that tests reported."""
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
    """The program with locations, channels and items; the web channel needs no API key."""
    api = InProcessServer(database_url, anonymous_channels="web")
    await api.open()
    try:
        await api.create_master_data()
        yield api
    finally:
        await api.close()
