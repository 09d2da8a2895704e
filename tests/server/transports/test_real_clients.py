"""Real client libraries on a real socket, served by uvicorn.

The examples of docs/streams.md run as printed. The JavaScript example needs node, and the packages
graphql-ws and ws in the folder TEST_NODE_MODULES.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.builders.transactions import rows
from tests.server.served_program import served
from tests.subscriptions.log.facts import until

ROOT = Path(__file__).parents[3]
NODE_MODULES = Path(os.environ.get("TEST_NODE_MODULES", ROOT / "node_modules"))
# browser objects that the JavaScript example needs, and the code that a reader has to add
BROWSER = """
import WebSocket from "ws";
const kept = new Map();
globalThis.WebSocket = WebSocket;
globalThis.KEY = process.env.KEY;
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
};
globalThis.show = (level) => console.log(level.available);
"""
INIT = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {BOOTSTRAP}"}})


def example(language: str) -> str:
    """The example of docs/streams.md in a language, as printed."""
    [found] = re.findall(
        rf"^```{language}\n(.*?)^```$",
        (ROOT / "docs/streams.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    return str(found)


async def test_gql_resumes_as_the_manual_shows(api: InProcessServer) -> None:
    got: list[Any] = []
    known: dict[str, Any] = {"handle": got.append}
    exec(example("python"), known)
    async with served(api) as served_program:
        await api.receive(1)
        reader = asyncio.create_task(known["follow"](served_program.url, BOOTSTRAP, "0"))
        for count, lose in ((1, served_program.lose), (4, api.restow.sockets.close_all)):
            await until(lambda count=count: len(got) == count)  # type: ignore[misc]
            await api.receive(10)
            await until(lambda count=count: len(got) == count + 1)  # type: ignore[misc]
            lose()
            await api.receive(100)
            await api.receive(100)
        await until(lambda: len(got) == 7)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    available = [event["data"]["available"] for event in got]
    assert available == [1, 11, 111, 211, 221, 321, 421]


async def test_graphql_ws_resumes_as_the_manual_shows(api: InProcessServer, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not all((NODE_MODULES / name).exists() for name in ("graphql-ws", "ws")):
        pytest.skip("needs node, and TEST_NODE_MODULES: a folder with graphql-ws and ws")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "browser.mjs").write_text(BROWSER)
    async with served(api) as served_program:
        code = example("js").replace("ws://127.0.0.1:8000/graphql", served_program.url)
        assert served_program.url in code
        (tmp_path / "example.mjs").write_text(code)
        reader = await asyncio.create_subprocess_exec(
            *(node, "--import", "./browser.mjs", "example.mjs"),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "KEY": BOOTSTRAP},
            stdout=asyncio.subprocess.PIPE,
        )
        assert reader.stdout is not None
        shown: list[int] = []
        try:
            await until(lambda: api.restow.fanout.members == 1, seconds=30)
            for lose in (served_program.lose, api.restow.sockets.close_all):
                await api.receive(1)
                await _shows(reader.stdout, shown, await _available(api))
                lose()
                await api.receive(10)
                await api.receive(10)
                await _shows(reader.stdout, shown, await _available(api))
        finally:
            reader.kill()
            await reader.wait()
    assert shown == sorted(set(shown))  # missed values may be folded, but none is repeated


async def _available(api: InProcessServer) -> int:
    [row] = await rows(api.restow.database, "SELECT available FROM stock_level")
    return int(row["available"])


async def _shows(output: asyncio.StreamReader, shown: list[int], last: int) -> None:
    """Read the client's output until it has printed this number of units."""
    while last not in shown:
        shown.append(int(await asyncio.wait_for(output.readline(), 30)))


async def test_frames_that_no_client_should_send(
    capfd: pytest.CaptureFixture[str], api: InProcessServer
) -> None:
    async with served(api) as served_program:
        url = served_program.url
        async with websockets.connect(url, subprotocols=["graphql-transport-ws"]) as good:  # type: ignore[list-item]
            assert good.response is not None
            assert "Sec-WebSocket-Extensions" not in good.response.headers
            await good.send(INIT)
            assert json.loads(await good.recv()) == {"type": "connection_ack"}
            for frame, code in (("x" * 300_000, 1009), (b"{}", 4400), ("[]", 4400)):
                assert await _closed_by(url, frame) == code
            assert await _closed_by(url, None) == 1007
            await good.send('{"type":"ping"}')
            assert json.loads(await good.recv()) == {"type": "pong"}
        for offered in (None, ["graphql-ws"]):
            async with websockets.connect(url, subprotocols=offered) as other:  # type: ignore[arg-type]
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await other.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4406
    assert len(api.restow.sockets) == 0
    assert "Traceback" not in capfd.readouterr().err  # client errors are not logged


async def _closed_by(url: str, frame: str | bytes | None) -> int:
    """Close code of a socket that sends this frame; None sends bad UTF-8."""
    async with websockets.connect(url, subprotocols=["graphql-transport-ws"]) as bad:  # type: ignore[list-item]
        if frame is None:
            bad.protocol.send_text(b"\xff\xfe")
            bad.transport.write(b"".join(bad.protocol.data_to_send()))
        else:
            await bad.send(frame)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await bad.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
