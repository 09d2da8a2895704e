"""Starts processes of a module by forks of one parent (tests/forks/parent.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.01


class ForkedProcess:
    """A forked process, with the part of the interface of `subprocess.Popen` that tests use."""

    def __init__(self, forker: Forker, pid: int) -> None:
        self.pid = pid
        self._forker = forker
        self._ended: int | None = None

    def poll(self) -> int | None:
        """The signal that ended it, or its exit code; None while it is running."""
        if self._ended is None:
            self._ended = self._forker.ask("ended", poll=self.pid)
        return self._ended

    def wait(self) -> int:
        """Wait for its end."""
        while (ended := self.poll()) is None:
            time.sleep(POLL_SECONDS)
        return ended

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended. Until `poll` has seen its end, its id is its own."""
        if self._ended is None:
            os.kill(self.pid, number)


class Forker:
    """The parent of the processes of one module. They are killed with this process."""

    def __init__(self, module: str) -> None:
        self.results: list[Any] = []  # of the processes
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.forks.parent", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, **facts: Any) -> ForkedProcess:
        """Fork a process that calls `live(facts)`."""
        return ForkedProcess(self, self.ask("pid", start=facts))

    def run(self, **facts: Any) -> int:
        """Run a process to its end; the signal that ended it, or its exit code."""
        return self.start(**facts).wait()

    def ask(self, name: str, **message: Any) -> Any:
        """Send a message to the parent; the part of its answer with this name."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(message) + "\n")
        self._parent.stdin.flush()
        while True:
            line = json.loads(self._parent.stdout.readline())
            if name in line:
                return line[name]
            self.results.append(line["result"])

    def close(self) -> None:
        """Kill the processes that are still running, and let the parent end."""
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait()
