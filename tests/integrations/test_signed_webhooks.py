import base64
from datetime import UTC, datetime, timedelta

import pytest

from integrations.signed_webhooks import WebhookRefused, WebhookSecrets


def a_secret(letter: str) -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 24).decode()


ONE, TWO, THREE = a_secret("1"), a_secret("2"), a_secret("3")
BODY = b'{"type":"refund.succeeded","key":"k"}'


def signed(secret: str = ONE, age: timedelta = timedelta(0), id: str = "msg_1") -> dict[str, str]:
    return WebhookSecrets([secret]).sign(id, datetime.now(UTC) - age, BODY)


def test_a_signed_message_is_taken_with_its_id() -> None:
    message = WebhookSecrets([ONE]).verify(signed(), BODY)
    assert (message.id, message.body) == ("msg_1", BODY)
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(seconds=5)


def test_header_names_are_taken_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed().items()}
    assert WebhookSecrets([ONE]).verify(headers, BODY).id == "msg_1"


def test_either_of_two_active_secrets_is_good_and_another_is_not() -> None:
    secrets = WebhookSecrets([ONE, TWO])
    for secret in (ONE, TWO):
        assert secrets.verify(signed(secret), BODY).id
    with pytest.raises(WebhookRefused):
        secrets.verify(signed(THREE), BODY)
    assert WebhookSecrets([TWO]).verify(secrets.sign("msg_2", datetime.now(UTC), BODY), BODY).id


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=5), timedelta(minutes=-6)])
def test_a_message_is_good_for_five_minutes(age: timedelta) -> None:
    with pytest.raises(WebhookRefused, match="timestamp too"):
        WebhookSecrets([ONE, TWO]).verify(signed(age=age), BODY)


@pytest.mark.parametrize("age", [timedelta(minutes=4, seconds=50), timedelta(minutes=-4)])
def test_until_then_it_is_taken(age: timedelta) -> None:
    assert WebhookSecrets([ONE]).verify(signed(age=age), BODY).id


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-id": "msg.1"},
        {"webhook-id": "m" * 201},
        {"webhook-id": "msg\n1"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "9" * 13},
        {"webhook-timestamp": "999999999999"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-signature": "v2," + "A" * 44},
        {"webhook-signature": "v1,ü"},
    ],
)
def test_whatever_does_not_fit_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused):
        WebhookSecrets([ONE]).verify(signed() | change, BODY)


@pytest.mark.parametrize("body", [b"", BODY + b" ", b"\xff\xfe"])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        WebhookSecrets([ONE]).verify(signed(), body)


def test_without_headers_or_secrets_nothing_is_taken() -> None:
    with pytest.raises(WebhookRefused):
        WebhookSecrets([ONE]).verify({}, BODY)
    with pytest.raises(WebhookRefused, match="no webhook secret"):
        WebhookSecrets([]).verify(signed(), BODY)


@pytest.mark.parametrize(
    "secrets",
    [[ONE, TWO, THREE], ["whsec_"], [""], ["whsec_!!!!"], ["whsec_" + "ü" * 30], ["c2hvcnQ="]],
)
def test_secrets_that_cannot_be_are_refused_without_being_shown(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="webhook secret") as refusal:
        WebhookSecrets(secrets)
    assert all(secret not in str(refusal.value) for secret in secrets if len(secret) > 6)


def test_a_secret_may_stand_without_its_prefix_and_is_not_shown() -> None:
    secrets = WebhookSecrets([ONE.removeprefix("whsec_")])
    assert secrets.verify(signed(), BODY).id
    assert repr(secrets) == "WebhookSecrets(1 active)"
