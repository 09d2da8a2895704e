"""A carrier over HTTP in a process of its own."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class CarrierProcess:
    """The address of a running carrier."""

    url: str

    def state(self) -> dict[str, Any]:
        """Its log, the labels that it sold by key, and the ids that it voided."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=60) as answer:
            state: dict[str, Any] = json.load(answer)
            return state


def run_carrier() -> Iterator[CarrierProcess]:
    """Start a carrier; it is killed afterwards, because some of its answers never end."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.integrations.carriers.carrier_server",
        str(listening.fileno()),
    ]
    server = subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()])
    # The socket is already listening, so early connections wait until the server has started.
    listening.close()
    carrier = CarrierProcess(f"http://127.0.0.1:{port}")
    carrier.state()
    yield carrier
    server.kill()
    server.wait(timeout=10)
