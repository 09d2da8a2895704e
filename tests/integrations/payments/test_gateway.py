import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.payments.addresses import GatewayAddress, open_gateway, parse_gateway
from integrations.payments.gateway import (
    GatewayAnswer,
    GatewayStatus,
    PaymentEvent,
    PaymentEventType,
    event_body,
    parse_answer,
    parse_event,
)
from integrations.payments.http import HttpGateway
from integrations.payments.monitored import MonitoredGateway
from integrations.payments.simulator import PaymentSimulator

texts = st.text(min_size=1, max_size=50).filter(lambda text: "\0" not in text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("simulator", GatewayAddress()),
        ("simulator?", GatewayAddress()),
        ("simulator?chaos=7", GatewayAddress(chaos_seed="7")),
        (
            "simulator?chaos=a%20b&journal=var/pay.db",
            GatewayAddress(chaos_seed="a b", journal="var/pay.db"),
        ),
        ("https://pay.example/v1/", GatewayAddress("https://pay.example/v1")),
        ("http://127.0.0.1:9/x", GatewayAddress("http://127.0.0.1:9/x")),
        ("http://localhost:9", GatewayAddress("http://localhost:9")),
        ("http://[::1]:9", GatewayAddress("http://[::1]:9")),
        ("https://a:b%40c@pay.example", GatewayAddress("https://pay.example", ("a", "b@c"))),
    ],
)
def test_an_address_is_read(text: str, address: GatewayAddress) -> None:
    assert parse_gateway(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "simulated",
        "simulator?chaos=",
        "simulator?chaos=1&chaos=2",
        "simulator?order=1",
        "simulator?chaos=" + "x" * 101,
        "http://pay.example",
        "http://10.0.0.1",
        "http://127.0.0.1.pay.example",
        "ftp://127.0.0.1",
        "https://",
        "https://pay.example:port",
        "https://pay.example?token=hush-hush",
        "https://pay.example#hush-hush",
        "https://[pay.example",
    ],
)
def test_an_address_that_cannot_be_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"simulator|gateway") as refusal:
        parse_gateway(text)
    assert "hush" not in str(refusal.value)


async def test_an_address_opens_its_gateway() -> None:
    simulator = open_gateway(parse_gateway("simulator?chaos=3"))
    real = open_gateway(parse_gateway("https://a:hush@pay.example"))
    assert isinstance(simulator, MonitoredGateway)
    assert isinstance(simulator.gateway, PaymentSimulator)
    assert isinstance(real, HttpGateway)
    assert "hush" not in repr(real)
    await simulator.close()
    await real.close()


@given(
    st.builds(
        PaymentEvent,
        st.sampled_from(PaymentEventType),
        texts,
        st.one_of(st.none(), texts),
        st.one_of(st.none(), texts),
    )
)
def test_an_event_is_read_as_it_was_written(event: PaymentEvent) -> None:
    assert parse_event(event_body(event)) == event


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{}",
        b"\xff",
        b'{"type":"refund.succeeded"}',
        b'{"type":"refund.succeeded","key":""}',
        b'{"type":"refund.succeeded","key":7}',
        b'{"type":"refund.lost","key":"k"}',
        b'{"type":["refund.succeeded"],"key":"k"}',
        b'{"type":"refund.succeeded","key":"k","id":{}}',
        b'{"type":"refund.succeeded","key":"a\\u0000b"}',
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"body|type|key|id"):
        parse_event(body)


def test_an_answer_is_read_and_a_long_reason_is_cut() -> None:
    body = b'{"id":"g","status":"failed","reason":"' + b"x" * 900 + b'","more":1}'
    assert parse_answer(body) == GatewayAnswer(GatewayStatus.FAILED, "g", "x" * 500)
    assert parse_answer(b'{"status":"pending"}') == GatewayAnswer(GatewayStatus.PENDING)


@pytest.mark.parametrize(
    "body",
    [b"null", b"{}", b'{"status":"paid"}', b'{"status":null}', b'{"status":"failed","id":1}'],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"body|status|id"):
        parse_answer(body)
