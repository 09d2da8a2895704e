"""Integrations over the API: upserts, secrets, pauses, and who sees them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from app_settings import secrets_key_of
from domain.access.callers import Role
from domain.integrations.secrets import hint_of
from outbound_settings import SECRETS_KEY_MIN
from settings import Settings
from tests.builders.in_process_server import JSON, InProcessServer
from tests.resolvers.integrations.documents import (
    ALL,
    EVENTS,
    ONE,
    PAUSE,
    RESUME,
    ROTATE,
    UPSERT,
)
from tests.resolvers.test_access import REVOKE
from tests.resolvers.test_access import ROTATE as ROTATE_KEY

URL = "http://127.0.0.1:9/hooks"


def a_webhook(code: str = "shop", **facts: Any) -> JSON:
    return {"input": {"code": code, "kind": "WEBHOOK", "url": URL, **facts}}


async def a_staff_key(api: InProcessServer, role: Role = Role.ADMIN, **scope: Any) -> str:
    return await api.a_key(role, name=f"{role} person", **scope)


async def id_of_key(api: InProcessServer, name: str) -> str:
    keys = (await api.ask("{ apiKeys { id name } }"))["apiKeys"]
    return next(str(key["id"]) for key in keys if key["name"] == name)


async def state(api: InProcessServer) -> Any:
    """All integrations, and the events about them."""
    await api.settled()
    return await api.ask(ALL), await api.ask(EVENTS)


async def test_a_webhook_is_made_and_changed(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    await api.settled()
    newest = (await api.ask("{ events(first: 250) { pageInfo { endCursor } } }"))["events"]
    made = await api.done(UPSERT, a_webhook(), key=admin)
    first = made["integration"]
    assert first["status"] == "HEALTHY"
    assert (first["name"], first["actor"], first["ordering"]) == ("shop", "ADMIN person", "SUBJECT")
    assert first["events"] is None
    assert first["position"] == newest["pageInfo"]["endCursor"]
    assert [secret["hint"] for secret in first["secrets"]] == [hint_of(made["secret"])]
    assert made["secret"].startswith("whsec_")
    changes: JSON = {"name": "Shop", "webhook": {"events": ["refund.*", "order.placed"]}}
    changed = await api.done(UPSERT, a_webhook(**changes), key=admin)
    assert changed["secret"] is None
    assert changed["integration"] == {
        **first,
        "name": "Shop",
        "events": ["refund.*", "order.placed"],
    }
    await api.settled()
    events = (await api.ask(EVENTS))["events"]["nodes"]
    assert [(event["type"], event["data"]["created"]) for event in events] == [
        ("integration.upserted", True),
        ("integration.upserted", False),
    ]
    assert events[1]["data"]["changed"] == ["events", "name"]
    assert await api.ask(ONE, {"code": " SHOP "}) == {"integration": changed["integration"]}


async def test_an_upsert_that_says_nothing_new_records_nothing(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    await api.done(UPSERT, a_webhook(), key=admin)
    before = await state(api)
    await api.done(UPSERT, a_webhook(), key=admin)
    assert await state(api) == before


async def test_the_secret_is_shown_once(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    made = await api.done(UPSERT, a_webhook(), key=admin, idempotency_key="k-1")
    again = await api.done(UPSERT, a_webhook(), key=admin, idempotency_key="k-1")
    assert again["replayed"]
    assert again["secret"] is None
    rotated = await api.done(ROTATE, {"code": "shop", "overlap": 60}, key=admin)
    assert rotated["secret"] not in (None, made["secret"])
    hints = [hint_of(rotated["secret"]), hint_of(made["secret"])]
    assert [secret["hint"] for secret in rotated["integration"]["secrets"]] == hints
    assert rotated["integration"]["secrets"][0]["expiresAt"] is None
    third = await api.done(ROTATE, {"code": "shop", "overlap": 60}, key=admin)
    assert [secret["hint"] for secret in third["integration"]["secrets"]] == [
        hint_of(third["secret"]),
        hint_of(rotated["secret"]),
    ]
    api.advance_clock(61)
    shown = await api.ask(ONE, {"code": "shop"})
    assert [secret["hint"] for secret in shown["integration"]["secrets"]] == [
        hint_of(third["secret"])
    ]


async def test_all_faults_of_an_upsert_are_reported_at_once(api: InProcessServer) -> None:
    before = await state(api)
    faulty = {
        "code": "no code",
        "kind": "WEBHOOK",
        "name": "",
        "url": "ftp://shop.example",
        "webhook": {"apiKeyId": "nonsense", "events": ["refund.*"], "after": "x"},
        "feed": {"channel": "web", "batchMax": 0, "pullEvery": "P1M"},
    }
    assert await api.refusals(UPSERT, {"input": faulty}) == [
        ("NOT_FOUND", "input.webhook.apiKeyId"),
        ("INVALID", "input.code"),
        ("INVALID", "input.name"),
        ("INVALID", "input.url"),
        ("INVALID", "input.feed"),
        ("LIMIT_EXCEEDED", "input.feed.batchMax"),
        ("INVALID", "input.feed.pullEvery"),
    ]
    assert await state(api) == before


REFUSED: list[tuple[JSON, tuple[str, str]]] = [
    ({"url": None}, ("INVALID", "input.url")),
    ({"url": "https://10.0.0.1/hooks"}, ("ENDPOINT_REFUSED", "input.url")),
    ({"url": "https://169.254.169.254/latest"}, ("ENDPOINT_REFUSED", "input.url")),
    ({"url": "https://no-such-host.invalid/hooks"}, ("ENDPOINT_REFUSED", "input.url")),
    ({"url": "http://93.184.216.34/hooks"}, ("ENDPOINT_REFUSED", "input.url")),
    ({"kind": "PAYMENTS"}, ("INVALID", "input.kind")),
    ({"code": "payments"}, ("INVALID", "input.code")),
    ({"code": "carriers/dhl"}, ("INVALID", "input.code")),
    ({"webhook": {"events": []}}, ("INVALID", "input.webhook.events")),
    ({"webhook": {"events": ["refund"]}}, ("INVALID", "input.webhook.events.0")),
    ({"webhook": {"events": ["stock.changed", "no.*"]}}, ("INVALID", "input.webhook.events.1")),
    ({"webhook": {"events": ["a.b"] * 101}}, ("LIMIT_EXCEEDED", "input.webhook.events")),
    ({"webhook": {"after": "999999"}}, ("INVALID", "input.webhook.after")),
    ({"webhook": {"after": "-1"}}, ("INVALID", "input.webhook.after")),
    ({"kind": "CHANNEL"}, ("INVALID", "input.feed")),
    ({"kind": "CHANNEL", "feed": {"channel": "none"}}, ("NOT_FOUND", "input.feed.channel")),
]


@pytest.mark.parametrize(("facts", "refusal"), REFUSED)
async def test_a_refused_upsert_changes_nothing(
    api: InProcessServer, facts: JSON, refusal: tuple[str, str]
) -> None:
    admin = await a_staff_key(api)
    before = await state(api)
    assert await api.refusals(UPSERT, a_webhook(**facts), key=admin) == [refusal]
    assert await state(api) == before


async def test_kind_channel_and_beginning_stay(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    await api.done(UPSERT, a_webhook(webhook={"after": "0"}), key=admin)
    feed = {"code": "market", "kind": "CHANNEL", "url": "simulator?chaos=3"}
    made = await api.done(UPSERT, {"input": {**feed, "feed": {"channel": "web"}}}, key=admin)
    assert made["integration"]["channel"] == {"code": "web"}
    assert made["integration"]["position"] is None
    before = await state(api)
    for changes, refusal in (
        ({"code": "shop", "kind": "CHANNEL"}, ("INVALID", "input.kind")),
        (
            {"code": "shop", "kind": "WEBHOOK", "webhook": {"after": "0"}},
            ("INVALID", "input.webhook.after"),
        ),
        ({**feed, "feed": {"channel": "market"}}, ("INVALID", "input.feed.channel")),
        (
            {**feed, "code": "second", "feed": {"channel": "web"}},
            ("ALREADY_EXISTS", "input.feed.channel"),
        ),
    ):
        assert await api.refusals(UPSERT, {"input": changes}, key=admin) == [refusal]
    assert await state(api) == before


async def test_off_and_on_again(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    made = await api.done(UPSERT, a_webhook(webhook={"after": "0"}), key=admin)
    off = await api.done(UPSERT, a_webhook(active=False), key=admin)
    assert off["integration"]["status"] == "OFF"
    before = await state(api)
    assert await api.refusals(PAUSE, {"code": "shop", "note": "n"}) == [
        ("ILLEGAL_TRANSITION", "code")
    ]
    assert await api.refusals(RESUME, {"code": "shop"}) == [("ILLEGAL_TRANSITION", "code")]
    assert await state(api) == before
    on = await api.done(UPSERT, a_webhook(active=True), key=admin)
    assert on["integration"]["status"] == "HEALTHY"
    assert int(on["integration"]["position"]) > int(made["integration"]["position"])


async def test_pause_and_resume(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    supervisor = await a_staff_key(api, Role.SUPERVISOR)
    await api.done(UPSERT, a_webhook(), key=admin)
    assert await api.refusals(PAUSE, {"code": "shop", "note": " "}) == [("INVALID", "note")]
    assert await api.refusals(PAUSE, {"code": "none", "note": ""}) == [
        ("INVALID", "note"),
        ("NOT_FOUND", "code"),
    ]
    paused = await api.done(PAUSE, {"code": "shop", "note": "their request"}, key=supervisor)
    assert paused["integration"]["status"] == "PAUSED"
    assert paused["integration"]["statusReasons"] == ["their request"]
    assert await api.refusals(PAUSE, {"code": "shop", "note": "n"}) == [
        ("ILLEGAL_TRANSITION", "code")
    ]
    resumed = await api.done(RESUME, {"code": "shop"}, key=supervisor)
    assert resumed["integration"]["status"] == "RECOVERING"
    assert resumed["integration"]["statusReasons"] == []
    await api.settled()
    events = (await api.ask(EVENTS))["events"]["nodes"]
    assert [event["type"] for event in events[1:]] == [
        "integration.paused",
        "integration.recovering",
    ]
    assert {event["actor"] for event in events[1:]} == {"SUPERVISOR person"}


async def test_gateway_and_carriers_follow_the_settings(api: InProcessServer) -> None:
    shown = (await api.ask(ALL))["integrations"]
    assert {(each["code"], each["kind"], each["url"], each["status"]) for each in shown} == {
        ("payments", "PAYMENTS", "simulator", "HEALTHY"),
        ("carriers/simulator", "CARRIER", "simulator", "HEALTHY"),
    }
    assert all(each["secrets"] == [] for each in shown)
    before = await state(api)
    assert await api.refusals(ROTATE, {"code": "payments"}) == [("INVALID", "code")]
    assert await api.refusals(ROTATE, {"code": "payments", "overlap": 604_801}) == [
        ("LIMIT_EXCEEDED", "overlapSeconds"),
        ("INVALID", "code"),
    ]
    assert await state(api) == before


async def test_a_partner_has_its_own_webhooks_only(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    await api.done(UPSERT, a_webhook("staff"), key=admin)
    partner = await api.a_key(Role.PARTNER, name="dhl", channels=("web",), locations=("LEEDS",))
    once = {"idempotency_key": "k-1"}
    made = await api.done(UPSERT, a_webhook("own"), key=partner, **once)
    assert made["integration"]["actor"] == "dhl"
    assert [each["code"] for each in (await api.ask(ALL, key=partner))["integrations"]] == ["own"]
    assert await api.ask(ONE, {"code": "staff"}, key=partner) == {"integration": None}
    before = await state(api)
    feed = {"code": "f", "kind": "CHANNEL", "url": "simulator", "feed": {"channel": "web"}}
    answer = await api.post(UPSERT, {"input": feed}, key=partner, idempotency_key="k-2")
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    admin_key = await id_of_key(api, "ADMIN person")
    for number, (wanted, refusal) in enumerate(
        (
            (a_webhook("staff"), ("ALREADY_EXISTS", "input.code")),
            (
                a_webhook("own", webhook={"apiKeyId": admin_key}),
                ("NOT_FOUND", "input.webhook.apiKeyId"),
            ),
            (
                a_webhook("own", webhook={"events": ["policy.*"]}),
                ("INVALID", "input.webhook.events.0"),
            ),
        )
    ):
        payload = await api.change(UPSERT, wanted, key=partner, idempotency_key=f"w-{number}")
        [error] = payload["userErrors"]
        assert (error["code"], ".".join(error["field"])) == refusal
    for number, (document, variables) in enumerate(
        ((PAUSE, {"code": "staff", "note": "n"}), (RESUME, {"code": "staff"}))
    ):
        payload = await api.change(document, variables, key=partner, idempotency_key=f"o-{number}")
        assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
    assert await state(api) == before
    paused = await api.done(PAUSE, {"code": "own", "note": "n"}, key=partner, idempotency_key="p")
    assert paused["integration"]["status"] == "PAUSED"


async def test_the_successor_of_a_rotated_key_serves(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    partner = await api.a_key(Role.PARTNER, name="dhl")
    await api.done(UPSERT, a_webhook("own"), key=partner, idempotency_key="k-1")
    old = await id_of_key(api, "dhl")
    rotated = await api.done(ROTATE_KEY, {"id": old, "overlap": 0}, key=admin)
    await api.done(PAUSE, {"code": "own", "note": "n"}, key=admin)
    await api.done(RESUME, {"code": "own"}, key=admin)
    await api.done(REVOKE, {"id": rotated["apiKey"]["id"]}, key=admin)
    await api.done(PAUSE, {"code": "own", "note": "n"}, key=admin)
    before = await state(api)
    assert await api.refusals(RESUME, {"code": "own"}, key=admin) == [("INVALID", "code")]
    assert await state(api) == before


async def test_a_webhook_of_a_wider_key_is_hidden_from_limited_keys(api: InProcessServer) -> None:
    admin = await a_staff_key(api)
    await api.done(UPSERT, a_webhook("wide"), key=admin)
    limited = await api.a_key(Role.ADMIN, name="limited", channels=("web",), locations=("LEEDS",))
    await api.done(UPSERT, a_webhook("narrow"), key=limited)
    shown = (await api.ask(ALL, {"kind": "WEBHOOK"}, key=limited))["integrations"]
    assert [each["code"] for each in shown] == ["narrow"]
    assert await api.refusals(PAUSE, {"code": "wide", "note": "n"}, key=limited) == [
        ("NOT_FOUND", "code")
    ]
    assert await api.refusals(UPSERT, a_webhook("wide"), key=limited) == [
        ("ALREADY_EXISTS", "input.code")
    ]


async def test_a_limited_key_does_not_stop_what_serves_all(api: InProcessServer) -> None:
    await api.done(PAUSE, {"code": "carriers/simulator", "note": "n"})
    before = await state(api)
    for limit in ({"channels": ("web",)}, {"locations": ("LEEDS",)}):
        [kind] = limit
        limited = await api.a_key(Role.SUPERVISOR, name=kind, **limit)
        for document, variables in (
            (PAUSE, {"code": "payments", "note": "n"}),
            (RESUME, {"code": "carriers/simulator"}),
        ):
            answer = await api.post(document, variables, key=limited)
            assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await state(api) == before


async def test_without_a_key_there_are_no_secrets(postgres_url: str) -> None:
    api = InProcessServer(postgres_url, secrets_key=None)
    await api.open()
    try:
        admin = await a_staff_key(api)
        made = await api.done(UPSERT, a_webhook(), key=admin)
        assert (made["secret"], made["integration"]["secrets"]) == (None, [])
        assert await api.refusals(ROTATE, {"code": "shop"}) == [("INVALID", None)]
    finally:
        await api.close()


def test_with_sqlite_the_key_is_made_once_for_its_owner(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite://{tmp_path}/restow.db")
    made = secrets_key_of(settings)
    assert made is not None
    assert len(made) >= SECRETS_KEY_MIN
    assert secrets_key_of(settings) == made
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        "secrets.key": 0o600
    }
    own = settings.model_copy(update={"secrets_key": "k" * SECRETS_KEY_MIN})
    assert secrets_key_of(own) == b"k" * SECRETS_KEY_MIN
