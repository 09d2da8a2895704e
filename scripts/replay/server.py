"""Server process of a replay: start it, wait until it is ready, stop it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from models.database.database import Database
from models.migrations.runner import migrate
from scripts.demo.seed import is_empty

ROOT: Final = Path(__file__).parents[2]
FRESH: Final = ROOT / "var" / "replay.db"
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0
LOG_TAIL: Final = 2_000


class ServerFailed(RuntimeError):
    """The server did not start, or the database is not empty."""


async def prepare_database(currency: str) -> str:
    """Migrate an empty database and return its URL: the configured one, or a new SQLite file.

    Raises ServerFailed if the configured database is in use.
    """
    named = os.environ.get("RESTOW_DATABASE_URL")
    url = named or _fresh_sqlite()
    await migrate(url, currency)
    database = Database(url)
    await database.open()
    try:
        if not await is_empty(database):
            raise ServerFailed(
                "RESTOW_DATABASE_URL names a database that is in use; name an empty one"
            )
    finally:
        await database.close()
    return url


def _fresh_sqlite() -> str:
    """Delete the database file of the last replay and return the URL of a new one."""
    FRESH.parent.mkdir(exist_ok=True)
    for path in (FRESH, Path(f"{FRESH}-wal"), Path(f"{FRESH}-shm")):
        path.unlink(missing_ok=True)
    return f"sqlite://{FRESH}"


@asynccontextmanager
async def serving(database_url: str, currency: str) -> AsyncIterator[tuple[str, str]]:
    """Run a server on a free port of this machine during the block; yield its address and ADMIN
    key.

    Raises ServerFailed with the end of its log if it does not become ready, or if the block failed
    because the server has ended.
    """
    key, port = secrets.token_urlsafe(32), _free_port()
    environment = {
        **os.environ,
        "RESTOW_DATABASE_URL": database_url,
        "RESTOW_BOOTSTRAP_KEY": key,
        "RESTOW_BASE_CURRENCY": currency,
        "RESTOW_BROADCAST_URL": "memory://",
        "RESTOW_DEMO": "0",
        "RESTOW_HOST": "127.0.0.1",
        "RESTOW_PORT": str(port),
        "RESTOW_WORKERS": "1",
    }
    log = ROOT / "var" / "replay.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scripts.serve",
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        if not await _becomes_ready(process, address):
            raise ServerFailed(f"the server did not become ready; {await _end_of(log)}")
        try:
            yield address, key
        except Exception as error:
            if process.returncode is None:
                raise
            ended = f"the server has ended with the code {process.returncode}"
            raise ServerFailed(f"{ended} ({error}); {await _end_of(log)}") from error
    finally:
        await _stop(process)


async def _end_of(log: Path) -> str:
    text = await asyncio.to_thread(log.read_text, errors="replace")
    return f"the end of {log}:\n{text[-LOG_TAIL:]}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _becomes_ready(process: asyncio.subprocess.Process, address: str) -> bool:
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                if (await client.get(f"{address}/readyz")).is_success:
                    return True
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Terminate this one process; kill it if it has not stopped after STOP_SECONDS."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
