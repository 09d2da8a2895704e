"""Processes of a benchmark: PostgreSQL, the contenders' servers, and the client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import psutil

from benchmarks.clients.requests import Plan, Result
from tests.servers import PostgresServer, free_port

ROOT = Path(__file__).parent.parent
KEY = "rsk_benchmark000_" + "k" * 43
START_SECONDS_MAX = 60.0
BESIDE_SECONDS = 1.5  # until a load that begins first has sent its first requests
# As installed: Python keeps the bytecode of modules, also if the caller's environment forbids it.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A run of the load against a server, and the processor time that the server used."""

    load: Result
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.load.rate

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the server's processor time per answer."""
        return 1000 * self.cpu_seconds / max(1, self.load.requests)


class Server:
    def __init__(self, name: str, module: str, environment: Mapping[str, str], path: str) -> None:
        self.name = name
        self.path = path
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the server runs
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module.split()],
            cwd=ROOT,
            env={**ENVIRONMENT, **environment, "RESTOW_PORT": str(self.port)},
            stdout=self._log,
            stderr=self._log,
        )
        self._usage = psutil.Process(self._process.pid)
        self._wait()
        self.start_seconds = time.perf_counter() - started

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.name} did not start:\n{self.log_end()}")

    def log_end(self) -> str:
        """The end of the server's log."""
        self._log.seek(0)
        return self._log.read()[-4_000:].decode(errors="replace")

    @property
    def memory_mb(self) -> float:
        """Resident memory in megabytes."""
        return float(self._usage.memory_info().rss) / 1e6

    def cpu_seconds(self) -> float:
        """Processor time since the start."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def measure(self, plan: Plan) -> Measured:
        """Send the load of a plan and wait until it ends. RuntimeError on an unexpected answer."""
        before = self.cpu_seconds()
        result = self._end(self._begin(plan), plan)
        return Measured(result, self.cpu_seconds() - before)

    def measure_beside(self, plan: Plan, other: Plan) -> Measured:
        """Send the load of a plan, beside another that begins before it and ends after it.

        RuntimeError if the other one ends first, or on an unexpected answer to either.
        """
        beside = self._begin(other)
        try:
            time.sleep(BESIDE_SECONDS)
            measured = self.measure(plan)
            if beside.poll() is not None:
                raise RuntimeError("The load beside the measured one ended first.")
            self._end(beside, other)
            return measured
        finally:
            beside.kill()
            beside.wait()

    def _begin(self, plan: Plan) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clients.requests"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdin is not None
        client.stdin.write(json.dumps(asdict(plan)))
        client.stdin.close()
        return client

    def _end(self, client: subprocess.Popen[str], plan: Plan) -> Result:
        assert client.stdout is not None
        printed = client.stdout.read()
        if client.wait():
            raise RuntimeError(f"{self.name}: the client failed\n{self.log_end()}")
        result = Result.read(printed)
        unexpected = {name: n for name, n in result.counts.items() if name not in plan.marks}
        if unexpected:
            raise RuntimeError(f"{self.name}: {unexpected}\n{self.log_end()}")
        return result

    def stop(self) -> None:
        """Terminate the server, or kill it after 15 seconds."""
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def ours(database_url: str) -> Server:
    """Start Restow as `make serve` does."""
    return Server("ours", "scripts.serve", _environment(database_url), "/graphql")


def without(piece: str, database_url: str) -> Server:
    """Restow with one of its fast paths replaced by the library's own way."""
    module = f"benchmarks.contenders.without {piece}"
    return Server(f"without {piece}", module, _environment(database_url), "/graphql")


def _environment(database_url: str) -> Mapping[str, str]:
    return {
        "RESTOW_DATABASE_URL": database_url,
        "RESTOW_BOOTSTRAP_KEY": KEY,
        "RESTOW_DEMO": "0",
        "RESTOW_LOG_LEVEL": "warning",
    }


def contender(name: str, module: str, database_url: str, path: str) -> Server:
    """Start one of the applications in benchmarks/contenders under uvicorn."""
    environment = {"RESTOW_DATABASE_URL": database_url}
    return Server(name, f"benchmarks.contenders.serve {module}", environment, path)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL with fsync on during the block; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="restow-bench-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        try:
            asyncio.run(_record_commit_times(server.start()))
            server.stop()
            yield server.start()
        finally:
            server.stop()


async def _record_commit_times(url: str) -> None:
    """Let PostgreSQL record the time of each commit, from its next start on."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    finally:
        await connection.close()


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Stop these servers at the end of the block."""
    try:
        yield
    finally:
        for server in servers:
            server.stop()
