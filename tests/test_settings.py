"""Settings are read from the environment; an error names the variable and the allowed values."""

import os
from pathlib import Path

import pytest

from server.process.rate_limits import DEFAULT_RATE_LIMITS, RateLimit
from settings import Settings, SettingsError, load

ROOT = Path(__file__).parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
POSTGRES = "postgres://restow:pw@db:5432/restow"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RESTOW_"):
            monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    """Lines of the SettingsError that these variables cause."""
    for name, value in variables.items():
        monkeypatch.setenv(f"RESTOW_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load()
    return refused.value.lines


def test_the_defaults_serve_one_process_on_this_machine() -> None:
    loaded = load()
    assert loaded.database_url == "sqlite://var/restow.db"
    assert loaded.broadcast_url == "memory://"
    assert (loaded.host, loaded.port, loaded.workers) == ("127.0.0.1", 8000, 1)
    assert (loaded.demo, loaded.bootstrap_key, loaded.base_currency) == (False, None, "GBP")
    assert loaded.anonymous_channels == frozenset()
    assert (loaded.payment_gateway, loaded.webhook_secrets) == ("simulator", ())


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"RESTOW_{name.upper()}", "")
    assert load() == Settings()


def test_every_setting_is_documented() -> None:
    documented = "".join((ROOT / name).read_text() for name in ("README.md", "CHANGELOG.md"))
    named = {f"RESTOW_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in named if f"`{name}`" not in documented} == set()


def test_every_setting_says_what_is_allowed() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:///srv/restow.db"),
        ("DATABASE_URL", "sqlite://var/restow.db?synchronous=OFF"),
        ("DATABASE_URL", POSTGRES),
        ("DATABASE_URL", "postgresql://restow@/restow?host=/run/postgresql"),
        ("BROADCAST_URL", "redis://localhost:6379"),
        ("BROADCAST_URL", "rediss://:pw@cache:6380/1"),
        ("BROADCAST_URL", POSTGRES),
        ("HOST", "0.0.0.0"),
        ("HOST", "::1"),
        ("PORT", "65535"),
        ("BASE_CURRENCY", "JPY"),
        ("BOOTSTRAP_KEY", "correct-horse_battery.staple"),
        ("PAYMENT_GATEWAY", "simulator?chaos=7"),
        ("PAYMENT_GATEWAY", "https://gateway.example/v1"),
        ("PAYMENT_GATEWAY", "http://127.0.0.1:9000"),
        ("PAYMENT_GATEWAY", "http://localhost:9000/pay"),
    ],
)
def test_a_sound_value_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RESTOW_{name}", value)
    assert str(getattr(load(), name.lower())) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://restow:hunter2@db/restow"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite://var/"),
        ("DATABASE_URL", "postgres://db"),
        ("DATABASE_URL", "postgres:///restow"),
        ("DATABASE_URL", "postgres://db:99999/restow"),
        ("DATABASE_URL", "postgres://db:0/restow"),
        ("DATABASE_URL", "postgres://db:five/restow"),
        ("DATABASE_URL", "postgres://d b/restow"),
        ("DATABASE_URL", "postgres://[db/restow"),
        ("DATABASE_POOL_MAX", "0"),
        ("DATABASE_LOCK_SECONDS", "-1"),
        ("DATABASE_STATEMENT_SECONDS", "nan"),
        ("DATABASE_STATEMENT_SECONDS", "inf"),
        ("BROADCAST_URL", "kafka://broker"),
        ("BROADCAST_URL", "memory://elsewhere"),
        ("BROADCAST_URL", "redis://"),
        ("SECRETS_KEY", "hunter2"),
        ("OUTBOUND_ALLOW", "10.0.0.1/8"),
        ("OUTBOUND_CONCURRENCY", "0"),
        ("HOST", "two hosts"),
        ("HOST", "http://0.0.0.0"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "80.5"),
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("BODY_BYTES_MAX", "10"),
        ("BODY_SECONDS_MAX", "0"),
        ("BOOTSTRAP_KEY", "with a blank"),
        ("BOOTSTRAP_KEY", "clé"),
        ("DEMO", "perhaps"),
        ("BASE_CURRENCY", "gbp"),
        ("BASE_CURRENCY", "XTS"),
        ("ANONYMOUS_CHANNELS", "two words"),
        ("PAYMENT_GATEWAY", "http://gateway.example"),
        ("PAYMENT_GATEWAY", "https://"),
        ("PAYMENT_GATEWAY", "https://gateway.example?key=1"),
        ("PAYMENT_GATEWAY", "simulator?chaos=lots"),
        ("PAYMENT_GATEWAY", "bank"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "shop.example"),
        ("CORS_ORIGINS", "https://shop.example/"),
        ("CORS_ORIGINS", "https://shop.example/path"),
        ("CORS_ORIGINS", "https://me@shop.example"),
        ("CORS_ORIGINS", "https://*.shop.example"),
        ("CORS_ORIGINS", "ftp://shop.example"),
        ("CORS_ORIGINS", "https://a.example https://b.example"),
        ("CONNECTIONS_ADDRESS_MAX", "0"),
        ("BODY_ADDRESS_BYTES_MAX", "12"),
        ("BODY_PROCESS_BYTES_MAX", "12"),
        ("RATE_LIMITS", "WIZARD=5/second"),
        ("RATE_LIMITS", "SUPPORT"),
        ("RATE_LIMITS", "SUPPORT=0/second"),
        ("RATE_LIMITS", "SUPPORT=5/fortnight"),
        ("RATE_LIMITS", "SUPPORT=-5/second"),
        ("WEBHOOK_SECRETS", "not base64!"),
        ("WEBHOOK_SECRETS", "whsec_c2hvcnQ="),
        ("WEBHOOK_SECRETS", f"{SECRET},{OTHER_SECRET},{SECRET}"),
        ("CARRIER_WEBHOOK_SECRETS", SECRET),
        ("CARRIER_WEBHOOK_SECRETS", "dhl=whsec_c2hvcnQ="),
        ("CARRIER_WEBHOOK_SECRETS", f"dhl={SECRET},DHL={OTHER_SECRET},dhl={SECRET}"),
        ("HOLD_TTL_MAX", "86401"),
        ("HOLD_ANONYMOUS_TTL_MAX", "3601"),
        ("HOLD_ANONYMOUS_HOLDS_MAX", "0"),
        ("HOLD_ANONYMOUS_SHARE", "101"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (line,) = refusal(monkeypatch, **{name: value})
    allowed = Settings.model_fields[name.lower()].description
    assert line.startswith(f"RESTOW_{name} ")
    assert line.endswith(f"must be {allowed}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://restow:hunter2@db/restow"),
        ("BROADCAST_URL", "kafka://:hunter2@broker"),
        ("PAYMENT_GATEWAY", "http://user:hunter2@gateway.example"),
        ("BOOTSTRAP_KEY", "hunter2 "),
        ("WEBHOOK_SECRETS", "hunter2!"),
        ("CARRIER_WEBHOOK_SECRETS", "dhl=hunter2!"),
    ],
)
def test_a_refusal_shows_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RESTOW_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load()
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__, "a traceback would show pydantic's own words"


def test_printing_settings_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOW_DATABASE_URL", POSTGRES)
    monkeypatch.setenv("RESTOW_BOOTSTRAP_KEY", "hunter2")
    monkeypatch.setenv("RESTOW_WEBHOOK_SECRETS", SECRET)
    monkeypatch.setenv("RESTOW_CARRIER_WEBHOOK_SECRETS", f"dhl={SECRET}")
    shown = repr(load())
    assert all(secret not in shown for secret in (":pw@", "hunter2", SECRET))


def test_all_mistakes_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, PORT="no", WORKERS="no", LOG_LEVEL="no")
    assert [line.split()[0] for line in lines] == [
        "RESTOW_PORT",
        "RESTOW_WORKERS",
        "RESTOW_LOG_LEVEL",
    ]


def test_several_workers_need_a_database_server_and_a_broadcaster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = refusal(monkeypatch, WORKERS="2")
    assert "SQLite" in lines[0]
    assert "memory://" in lines[1]
    (line,) = refusal(monkeypatch, DATABASE_URL=POSTGRES)
    assert "memory://" in line
    monkeypatch.setenv("RESTOW_BROADCAST_URL", "redis://localhost")
    assert load().workers == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "restow.example", "::"])
def test_demo_keys_stay_on_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    (line,) = refusal(monkeypatch, DEMO="1", HOST=host)
    assert line.startswith(f"RESTOW_DEMO is on and RESTOW_HOST is {host}")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_a_demo_runs_on_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("RESTOW_DEMO", "1")
    monkeypatch.setenv("RESTOW_HOST", host)
    assert load().demo is True


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOW_ANONYMOUS_CHANNELS", "web, store,,web")
    monkeypatch.setenv("RESTOW_WEBHOOK_SECRETS", f"{SECRET}, {OTHER_SECRET}")
    both = f"dhl={SECRET}, ups={SECRET},DHL={OTHER_SECRET}"
    monkeypatch.setenv("RESTOW_CARRIER_WEBHOOK_SECRETS", both)
    monkeypatch.setenv("RESTOW_CORS_ORIGINS", "https://Shop.example, http://localhost:3000")
    loaded = load()
    assert loaded.cors_origins == {"https://shop.example", "http://localhost:3000"}
    assert loaded.anonymous_channels == {"web", "store"}
    assert loaded.webhook_secrets == (SECRET, OTHER_SECRET)
    assert loaded.carrier_webhook_secrets == {"dhl": [SECRET, OTHER_SECRET], "ups": [SECRET]}


def test_rate_limits_change_the_named_roles_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOW_RATE_LIMITS", "ANONYMOUS=5/second, PARTNER=none")
    limits = load().rate_limits
    assert limits["ANONYMOUS"] == RateLimit(5, 1)
    assert limits["PARTNER"] is None
    assert limits["SUPPORT"] == DEFAULT_RATE_LIMITS["SUPPORT"]
    assert limits["ADMIN"] is None


def test_four_hundred_requests_at_once_pass_every_default_limit() -> None:
    assert all(limit is None or limit.count >= 400 for limit in DEFAULT_RATE_LIMITS.values())


def test_hold_limits_are_handed_on_as_the_domain_knows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESTOW_HOLD_TTL_MAX", "60")
    monkeypatch.setenv("RESTOW_HOLD_ANONYMOUS_SHARE", "10")
    holds = load().holds
    assert (holds.ttl_max, holds.anonymous_share, holds.anonymous_holds_max) == (60, 10, 5)


def test_settings_do_not_change() -> None:
    loaded = load()
    with pytest.raises(ValueError, match="frozen"):
        setattr(loaded, "port", 1)  # noqa: B010  mypy refuses the plain assignment
