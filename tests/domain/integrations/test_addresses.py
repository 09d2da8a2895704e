"""The forms of addresses that webhooks and channels may have, and derived secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

import pytest

from domain.errors import Invalid
from domain.integrations.addresses import check_url
from domain.integrations.secrets import hint_of, secret_of
from domain.integrations.states import IntegrationKind

WEBHOOK, CHANNEL = IntegrationKind.WEBHOOK, IntegrationKind.CHANNEL


@pytest.mark.parametrize(
    "url",
    ["https://shop.example", "https://shop.example:8443/hooks/?a=b", "http://10.0.0.1/hooks"],
)
def test_addresses_of_the_right_form(url: str) -> None:
    check_url(url, WEBHOOK)
    check_url(url, CHANNEL)


@pytest.mark.parametrize("url", ["simulator", "simulator?chaos=7"])
def test_only_a_channel_may_be_simulated(url: str) -> None:
    check_url(url, CHANNEL)
    with pytest.raises(Invalid):
        check_url(url, WEBHOOK)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https:///hooks",
        "https://user@shop.example",
        "https://user:hunter2@shop.example",
        "https://@shop.example",
        "https://shop.example/#part",
        "https://shop.example/#",
        "https://shop.example:0",
        "https://shop.example:99999",
        "https://shop.example:port",
        "https://[::1",
        "https://shop.example/a b",
        "https://shop.example/\nx",
        "https://shop.example\\@other.example",
        "https://shöp.example",
        "https://shop.example/" + "x" * 2_000,
        "simulator?chaos=",
        "simulator?chaos=1&chaos=2",
        "simulator?speed=1",
        "simulator?",
    ],
)
@pytest.mark.parametrize("kind", [WEBHOOK, CHANNEL])
def test_other_addresses_are_refused(url: str, kind: IntegrationKind) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url, kind)
    assert refused.value.field == ("url",)
    assert "hunter2" not in refused.value.message


def test_a_secret_depends_on_key_id_and_generation() -> None:
    first, second = UUID(int=1), UUID(int=2)
    found = secret_of(b"k" * 32, first, 1)
    expected = hmac.new(b"k" * 32, f"{first}:1".encode(), hashlib.sha256).digest()
    assert base64.b64decode(found.removeprefix("whsec_")) == expected
    others = {
        secret_of(b"k" * 32, first, 2),
        secret_of(b"k" * 32, second, 1),
        secret_of(b"l" * 32, first, 1),
    }
    assert len({found, *others}) == 4
    assert found.rstrip("=").endswith(hint_of(found))
    assert len(hint_of(found)) == 4
