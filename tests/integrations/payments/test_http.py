import json
import logging
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from domain.integrations.figures import TryResult
from integrations.errors import IntegrationError, IntegrationTimeout, IntegrationUnavailable
from integrations.http_client import HttpLimits
from integrations.payments.addresses import open_gateway, parse_gateway
from integrations.payments.gateway import GatewayAnswer, GatewayStatus
from integrations.payments.http import HttpGateway

ROOT = Path(__file__).parents[3]
LIMITS = HttpLimits(
    connect=5.0, answer=2.0, tries=3, all_tries=30.0, first_wait=0.01, longest_wait=0.02
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """URL of a payment gateway in its own process."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.integrations.payments.gateway_server",
        str(listening.fileno()),
    ]
    server = subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()])
    # The socket is already listening, so early connections wait until the server has started.
    listening.close()
    url = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(f"{url}/log", timeout=60).close()
    yield url
    # Some answers never end, so a graceful stop would hang.
    server.kill()
    server.wait(timeout=10)


@pytest.fixture
async def gateway(address: str) -> AsyncIterator[HttpGateway]:
    opened = HttpGateway(address, limits=LIMITS)
    yield opened
    await opened.close()


@pytest.fixture
def tries(address: str) -> Callable[[str], list[dict[str, Any]]]:
    """Read the requests that the gateway received with a key."""

    def received(key: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{address}/log") as answer:
            return [each for each in json.load(answer) if each["key"] == key]

    return received


def refund(gateway: HttpGateway, manner: str, key: str) -> Any:
    return gateway.refund(key, "refund-1", manner, 1250, "GBP")


async def test_a_refund_is_asked_for_and_answered(
    gateway: HttpGateway, tries: Callable[[str], list[dict[str, Any]]]
) -> None:
    answer = await refund(gateway, "ok", "k-ok")
    assert answer == GatewayAnswer(GatewayStatus.SUCCEEDED, "gw-k-ok", None)
    (requested,) = tries("k-ok")
    assert requested["body"] == {
        "reference": "refund-1",
        "paymentReference": "ok",
        "amountMinor": 1250,
        "currency": "GBP",
    }


@pytest.mark.parametrize(
    ("manner", "status", "reason"),
    [
        ("pending", GatewayStatus.PENDING, None),
        ("declined", GatewayStatus.FAILED, "account_closed"),
        ("declined-402", GatewayStatus.FAILED, "account_closed"),
    ],
)
async def test_the_gateways_answer_is_accepted(
    gateway: HttpGateway, manner: str, status: GatewayStatus, reason: str | None
) -> None:
    answer = await refund(gateway, manner, f"k-{manner}")
    assert (answer.status, answer.reason) == (status, reason)


async def test_a_gateway_that_stumbles_is_asked_again_with_the_same_key(
    gateway: HttpGateway, tries: Callable[[str], list[dict[str, Any]]]
) -> None:
    answer = await refund(gateway, "flaky", "k-flaky")
    assert answer.status is GatewayStatus.SUCCEEDED
    assert len(tries("k-flaky")) == 3


@pytest.mark.parametrize(
    ("manner", "error", "times"),
    [
        ("slow", IntegrationTimeout, 3),
        ("drip", IntegrationTimeout, 3),
        ("cut", IntegrationUnavailable, 3),
        ("down", IntegrationUnavailable, 3),
        # The client does not retry a request that would get the same answer again.
        ("garbage", IntegrationUnavailable, 1),
        ("huge", IntegrationUnavailable, 1),
        ("unauthorized", IntegrationUnavailable, 1),
        ("lying-402", IntegrationUnavailable, 1),
        ("redirect", IntegrationUnavailable, 3),
    ],
)
async def test_everything_else_leaves_the_outcome_unknown(
    gateway: HttpGateway,
    tries: Callable[[str], list[dict[str, Any]]],
    manner: str,
    error: type[IntegrationError],
    times: int,
) -> None:
    with pytest.raises(error) as raised:
        await refund(gateway, manner, f"k-{manner}")
    assert raised.value.was_asked
    assert len(tries(f"k-{manner}")) == times


async def test_what_was_lost_is_found_by_its_key(gateway: HttpGateway) -> None:
    assert await gateway.look_up("k/never asked?") is None
    with pytest.raises(IntegrationUnavailable):
        await refund(gateway, "cut", "k/lost ünd foünd?".encode().hex())
    found = await gateway.look_up("k/lost ünd foünd?".encode().hex())
    assert found is not None
    assert found.status is GatewayStatus.SUCCEEDED
    await refund(gateway, "ok", "k/with?odd#signs")
    assert await gateway.look_up("k/with?odd#signs") is not None


async def test_a_look_up_that_fails_is_not_a_key_that_is_unknown(gateway: HttpGateway) -> None:
    with pytest.raises(IntegrationUnavailable):
        await gateway.look_up("broken")


async def test_a_gateway_that_cannot_be_reached_was_not_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    gateway = HttpGateway(f"http://127.0.0.1:{port}", limits=LIMITS)
    with pytest.raises(IntegrationUnavailable) as raised:
        await refund(gateway, "ok", "k-nobody")
    assert not raised.value.was_asked
    await gateway.close()


class Recorded:
    """A monitor that admits calls while it `is_open`, and keeps their results."""

    def __init__(self) -> None:
        self.is_open, self.results = True, list[TryResult]()

    def may_call(self) -> bool:
        return self.is_open

    def record(self, result: TryResult, seconds: float, error: str | None = None) -> None:
        assert seconds >= 0
        assert (error is None) == (result is TryResult.SUCCEEDED)
        self.results.append(result)


async def test_each_try_is_recorded_and_none_is_made_that_the_monitor_refuses(
    address: str, tries: Callable[[str], list[dict[str, Any]]]
) -> None:
    monitor = Recorded()
    gateway = HttpGateway(address, limits=LIMITS, monitor=monitor)
    assert (await refund(gateway, "flaky", "k-flaky-calls")).status is GatewayStatus.SUCCEEDED
    assert monitor.results == [TryResult.FAILED, TryResult.FAILED, TryResult.SUCCEEDED]
    assert len(tries("k-flaky-calls")) == 3
    monitor.is_open = False
    with pytest.raises(IntegrationUnavailable) as raised:
        await refund(gateway, "ok", "k-kept-back")
    assert not raised.value.was_asked
    assert tries("k-kept-back") == []
    await gateway.probe()
    assert monitor.results[3:] == [TryResult.SUCCEEDED]
    await gateway.close()


async def test_a_call_that_is_throttled_is_no_failure(address: str) -> None:
    monitor = Recorded()
    gateway = HttpGateway(address, limits=LIMITS, monitor=monitor)
    with pytest.raises(IntegrationUnavailable):
        await refund(gateway, "throttled", "k-throttled")
    assert monitor.results == [TryResult.THROTTLED] * 3
    await gateway.close()


async def test_a_probe_of_a_gateway_that_cannot_be_reached_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monitor = Recorded()
    gateway = HttpGateway(f"http://127.0.0.1:{port}", limits=LIMITS, monitor=monitor)
    with pytest.raises(IntegrationUnavailable):
        await gateway.probe()
    assert monitor.results == [TryResult.FAILED]
    await gateway.close()


async def test_credentials_reach_the_gateway_and_no_log(
    address: str,
    tries: Callable[[str], list[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret_address = parse_gateway(address.replace("://", "://shop:s3cret@") + "/private/")
    gateway = open_gateway(secret_address, limits=LIMITS)
    with structlog.testing.capture_logs() as logs:
        answer = await gateway.refund("k-secret", "refund-1", "ok", 1, "GBP")
        with pytest.raises(IntegrationUnavailable) as raised:
            await gateway.refund("k-secret-down", "refund-1", "down", 1, "GBP")
    await gateway.close()
    assert answer.status is GatewayStatus.SUCCEEDED
    (requested,) = tries("k-secret")
    assert requested["authorization"].startswith("Basic ")
    everything = f"{logs} {caplog.text} {gateway!r} {secret_address!r} {raised.value!r}"
    assert "s3cret" not in everything
    assert requested["authorization"].split()[1] not in everything
    assert any(each["event"] == "integration.silent" for each in logs)
