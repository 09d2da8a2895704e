"""Parent of forked processes: it imports a module once, so that each process starts at once.

    python -m tests.forks.parent MODULE      MODULE has a function `live(facts)`

Reads one JSON object per line, and prints one for each:

    {"start": FACTS}     forks a process that calls `live(FACTS)`; prints {"pid": PID}
    {"poll": PID}        prints {"ended": NUMBER}: the signal that ended the process, or its exit
                         code; null while it is running

What `live` returns is printed as {"result": RESULT}. When the input ends, the processes that are
still running are killed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

Live = Callable[[dict[str, Any]], object]


def _run_and_exit(live: Live, facts: dict[str, Any], answers: TextIO) -> NoReturn:
    """Run a life and exit; the threads of an unclosed database would keep the process running."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        result = live(facts)
        if result is not None:
            _print_line(answers, {"result": result})
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def _poll(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main() -> None:
    """Serve until the input ends."""
    # Logs of the processes go to the standard error, and so not between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    live: Live = importlib.import_module(sys.argv[1]).live
    running: set[int] = set()
    for line in sys.stdin:
        message = json.loads(line)
        if "start" in message:
            child = os.fork()
            if child == 0:
                _run_and_exit(live, message["start"], answers)
            running.add(child)
            _print_line(answers, {"pid": child})
            continue
        ended = _poll(message["poll"])
        if ended is not None:
            running.discard(message["poll"])
        _print_line(answers, {"ended": ended})
    for each in running:
        os.kill(each, signal.SIGKILL)


def _print_line(answers: TextIO, facts: dict[str, Any]) -> None:
    answers.write(json.dumps(facts) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
