"""Settings of Restow: read once from the environment and checked before anything starts."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from domain.access.callers import Role
from domain.stock.reservations import HoldLimits
from domain.values.currencies import DECIMALS
from integrations.carriers.addresses import DEFAULT_CARRIERS, CarrierAddress, parse_carriers
from integrations.carriers.secrets import parse_carrier_secrets
from integrations.signed_webhooks import parse_secrets
from outbound_settings import OutboundSettings, Secret, Setting
from server.operations.persisted_documents import checked_directory
from server.process.cost_buckets import DEFAULT_COST_LIMITS, parse_cost_limits
from server.process.rate_limits import DEFAULT_RATE_LIMITS, RateLimit, parse_rate_limits
from server.process.role_lists import parse_roles
from server.transports.origins import parse_origins

PREFIX = "RESTOW_"
SECRETS = "of at least 16 bytes in base64, with or without whsec_ before them"
RATES = "ROLE=COUNT/second, /minute or /hour, or ROLE=none, separated by commas; the roles are "


class SettingsError(Exception):
    """Settings are missing or wrong; `lines` names each variable and its allowed values."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def is_loopback(host: str | None) -> bool:
    """True if a host name or address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _split(url: str, schemes: str) -> SplitResult:
    """Split a URL and check it: no blanks, one of the given schemes, a valid port."""
    parts = urlsplit(url)
    _require(url.isprintable() and " " not in url and parts.scheme in schemes.split())
    _require(parts.port != 0)  # reading a port that is not a number raises ValueError itself
    return parts


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not allowed")


def _database_url(url: str) -> str:
    parts = _split(url, "sqlite postgres postgresql")
    if parts.scheme == "sqlite":
        path = url.removeprefix("sqlite://").partition("?")[0]
        _require(bool(path) and not path.startswith(":") and not path.endswith("/"))
    else:
        has_host = bool(parts.hostname) or "host" in dict(parse_qsl(parts.query))
        _require(has_host and len(parts.path) > 1)
    return url


def _broadcast_url(url: str) -> str:
    parts = _split(url, "memory redis rediss postgres postgresql")
    _require(url == "memory://" if parts.scheme == "memory" else bool(parts.hostname))
    return url


def _payment_gateway(gateway: str) -> str:
    if gateway == "simulator" or re.fullmatch(r"simulator\?chaos=[0-9]{1,9}", gateway):
        return gateway
    parts = _split(gateway, "https http")
    _require(bool(parts.hostname) and not parts.query and not parts.fragment)
    _require(parts.scheme == "https" or is_loopback(parts.hostname))
    return gateway


def _host(host: str) -> str:
    _require(bool(re.fullmatch(r"[A-Za-z0-9.:_%-]+", host)))
    return host


def _bootstrap_key(key: str) -> str:
    _require(bool(re.fullmatch(r"[!-~]+", key)))
    return key


def _currency(code: str) -> str:
    _require(code in DECIMALS)
    return code


def _list(text: object) -> list[str]:
    """Split a comma-separated value; blanks around the parts are removed."""
    _require(isinstance(text, str))
    return [part.strip() for part in str(text).split(",") if part.strip()]


def _channels(text: object) -> frozenset[str]:
    if isinstance(text, frozenset):
        return text
    codes = _list(text)
    _require(all(re.fullmatch(r"[^\s\x00-\x1f]{1,64}", code) for code in codes))
    return frozenset(codes)


class Settings(OutboundSettings):
    """Settings that an operator chooses. Each field is the variable RESTOW_<FIELD>. Its description
    says which values are allowed, and an error at start repeats it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: Annotated[str, AfterValidator(_database_url)] = Secret(
        default="sqlite://var/restow.db",
        description="sqlite://path/to/file.db or postgres://user:password@host:port/database",
    )
    database_pool_max: int = Setting(
        default=10, ge=1, le=1_000, description="a whole number of connections from 1 to 1000"
    )
    database_acquire_seconds: PositiveFloat = Setting(
        default=5.0, le=3_600, description="seconds above 0 and at most 3600"
    )
    database_statement_seconds: PositiveFloat = Setting(
        default=30.0, le=3_600, description="seconds above 0 and at most 3600"
    )
    database_lock_seconds: PositiveFloat = Setting(
        default=10.0, le=3_600, description="seconds above 0 and at most 3600"
    )
    database_idle_seconds: PositiveFloat = Setting(
        default=30.0, le=3_600, description="seconds above 0 and at most 3600"
    )
    broadcast_url: Annotated[str, AfterValidator(_broadcast_url)] = Secret(
        default="memory://",
        description="memory://, redis://host:port or postgres://user:password@host:port/database",
    )

    host: Annotated[str, AfterValidator(_host)] = Setting(
        default="127.0.0.1", description="a host name or an IP address to listen on"
    )
    port: int = Setting(default=8000, ge=1, le=65_535, description="a whole number from 1 to 65535")
    workers: int = Setting(
        default=1, ge=1, le=128, description="a whole number of processes from 1 to 128"
    )
    sockets_max: int = Setting(
        default=20_000, ge=1, le=10**6, description="a whole number of sockets from 1 to 1000000"
    )
    sockets_address_max: int = Setting(
        default=5_000, ge=1, le=10**6, description="a whole number of sockets from 1 to 1000000"
    )
    sockets_key_max: int = Setting(
        default=10_000, ge=1, le=10**6, description="a whole number of sockets from 1 to 1000000"
    )
    socket_operations_max: int = Setting(
        default=200, ge=1, le=10_000, description="a whole number of operations from 1 to 10000"
    )
    socket_messages_per_second: PositiveFloat = Setting(
        default=100.0, le=100_000, description="messages above 0 and at most 100000"
    )

    events_kept_days: int | None = Setting(
        default=None, ge=1, le=36_500, description="a whole number of days from 1 to 36500"
    )
    events_kept_max: int | None = Setting(
        default=None, ge=1, le=10**12, description="a whole number of events from 1 to 10**12"
    )
    archive_folder: str = Setting(
        default="var/archive", min_length=1, description="the path of a folder"
    )
    body_bytes_max: int = Setting(
        default=4 * 1024 * 1024,
        ge=1_024,
        le=256 * 1024 * 1024,
        description="a whole number of bytes from 1024 to 268435456",
    )
    body_address_bytes_max: int = Setting(
        default=64 * 1024 * 1024,
        ge=1_024,
        le=10**12,
        description="a whole number of bytes from 1024 to 10**12",
    )
    body_process_bytes_max: int = Setting(
        default=256 * 1024 * 1024,
        ge=1_024,
        le=10**12,
        description="a whole number of bytes from 1024 to 10**12",
    )
    connections_address_max: int = Setting(
        default=8_000, ge=1, le=10**6, description="a whole number of connections from 1 to 1000000"
    )
    connections_max: int = Setting(
        default=30_000, ge=1, le=10**6, description="a number of connections from 1 to 1000000"
    )
    body_seconds_max: PositiveFloat = Setting(
        default=10.0, le=600, description="seconds above 0 and at most 600"
    )
    operation_seconds_max: PositiveFloat = Setting(
        default=10.0, le=3_600, description="seconds above 0 and at most 3600"
    )
    answer_bytes_max: int = Setting(
        default=8 * 1024 * 1024,
        ge=65_536,
        le=1024 * 1024 * 1024,
        description="a whole number of bytes from 65536 to 1073741824",
    )
    operation_cost_max: int = Setting(
        default=2_000_000,
        ge=10_000,
        le=10**9,
        description="a whole number of values from 10000 to 1000000000",
    )
    rate_limits: Annotated[
        Mapping[str, RateLimit | None], NoDecode, BeforeValidator(parse_rate_limits)
    ] = Setting(default=DEFAULT_RATE_LIMITS, description=f"{RATES}{', '.join(DEFAULT_RATE_LIMITS)}")
    cost_limits: Annotated[
        Mapping[str, RateLimit | None], NoDecode, BeforeValidator(parse_cost_limits)
    ] = Setting(default=DEFAULT_COST_LIMITS, description=f"{RATES}{', '.join(DEFAULT_COST_LIMITS)}")

    bootstrap_key: Annotated[str, AfterValidator(_bootstrap_key)] | None = Secret(
        default=None, description="printable ASCII characters without blanks"
    )
    demo: bool = Setting(default=False, description="1 or 0")
    demo_key: Annotated[str, AfterValidator(_bootstrap_key)] | None = Secret(
        default=None, description="left alone: `make serve` hands GraphiQL's key on in it"
    )
    anonymous_channels: Annotated[frozenset[str], NoDecode, BeforeValidator(_channels)] = Setting(
        default=frozenset(), description="channel codes without blanks, separated by commas"
    )
    cors_origins: Annotated[frozenset[str], NoDecode, BeforeValidator(parse_origins)] = Setting(
        default=frozenset(),
        description=(
            "origins like https://shop.example or http://localhost:3000, without a path, separated "
            "by commas"
        ),
    )
    introspection_roles: Annotated[frozenset[Role], NoDecode, BeforeValidator(parse_roles)] = (
        Setting(
            default=frozenset(),
            description=f"roles separated by commas, of {', '.join(Role)}; unset: none",
        )
    )
    persisted_documents: Annotated[Path, AfterValidator(checked_directory)] | None = Setting(
        default=None,
        description=(
            "a directory with a .graphql file for each document that STOREFRONT keys may use; "
            "unset: they may use any"
        ),
    )
    base_currency: Annotated[str, AfterValidator(_currency)] = Setting(
        default="GBP", description="the code of an active ISO 4217 currency, like GBP"
    )

    payment_gateway: Annotated[str, AfterValidator(_payment_gateway)] = Secret(
        default="simulator",
        description=(
            "simulator, simulator?chaos=NUMBER, an https:// address, or an http:// address of "
            "this machine (loopback)"
        ),
    )
    payment_key_hours: PositiveFloat = Setting(
        default=24.0,
        le=8_760,
        description="hours above 0 and at most 8760: how long the payment gateway keeps keys",
    )
    carriers: Annotated[Mapping[str, CarrierAddress], NoDecode, BeforeValidator(parse_carriers)] = (
        Secret(
            default=DEFAULT_CARRIERS,
            description="code=address, separated by commas, each address as of a payment gateway",
        )
    )
    label_document_days: PositiveInt = Setting(default=90, le=36_500, description="1 to 36500 days")
    webhook_secrets: Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_secrets)] = Secret(
        default=(),
        description=f"one or two secrets {SECRETS}, separated by a comma",
    )
    carrier_webhook_secrets: Annotated[
        Mapping[str, Sequence[str]], NoDecode, BeforeValidator(parse_carrier_secrets)
    ] = Secret(
        default={},
        description=f"code=secret, separated by commas: one or two secrets of a carrier, {SECRETS}",
    )

    hold_ttl_max: PositiveInt = Setting(
        default=86_400, le=86_400, description="a whole number of seconds from 1 to 86400"
    )
    hold_anonymous_ttl_max: PositiveInt = Setting(
        default=3_600, le=3_600, description="a whole number of seconds from 1 to 3600"
    )
    hold_anonymous_holds_max: PositiveInt = Setting(
        default=5, le=1_000_000, description="a whole number of live holds from 1 to 1000000"
    )
    hold_anonymous_units_max: PositiveInt = Setting(
        default=20, le=1_000_000, description="a whole number of units from 1 to 1000000"
    )
    hold_anonymous_share: PositiveInt = Setting(
        default=25, le=100, description="a whole number of percent from 1 to 100"
    )
    parcel_grams_max: PositiveInt = Setting(
        default=31_500, le=1_000_000, description="a whole number of grams from 1 to 1000000"
    )
    log_format: Literal["auto", "json", "console"] = Setting(
        default="auto", description="json, console, or auto: console on a terminal, else json"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Setting(
        default="info", description="debug, info, warning or error"
    )

    @property
    def holds(self) -> HoldLimits:
        """Limits that each new reservation is checked against."""
        return HoldLimits(
            ttl_max=self.hold_ttl_max,
            anonymous_ttl_max=self.hold_anonymous_ttl_max,
            anonymous_holds_max=self.hold_anonymous_holds_max,
            anonymous_units_max=self.hold_anonymous_units_max,
            anonymous_share=self.hold_anonymous_share,
        )

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        if lines := list(self._contradictions()):
            raise SettingsContradict(lines)
        return self

    def _contradictions(self) -> Iterator[str]:
        if self.workers > 1 and self.database_url.startswith("sqlite:"):
            yield (
                f"RESTOW_WORKERS is {self.workers}, but SQLite has one writing process: "
                "set RESTOW_DATABASE_URL=postgres://…, or RESTOW_WORKERS=1"
            )
        if self.workers > 1 and self.broadcast_url == "memory://":
            yield (
                f"RESTOW_WORKERS is {self.workers}, but memory:// wakes up one process only: "
                "set RESTOW_BROADCAST_URL=redis://… or postgres://…, or RESTOW_WORKERS=1"
            )
        if self.demo and not is_loopback(self.host):
            yield (
                f"RESTOW_DEMO is on and RESTOW_HOST is {self.host}: demo keys are printed for all "
                "to see, so they are for this machine only; "
                "set RESTOW_DEMO=0, or RESTOW_HOST=127.0.0.1"
            )


class SettingsContradict(ValueError):
    """Settings that are each allowed alone, but not together."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("; ".join(lines))


def load() -> Settings:
    """Read the settings of this process. Raises SettingsError with a line for each wrong value."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [line for wrong in error.errors() for line in _lines(dict(wrong))]
        # One value may fail several checks of a union; one line for each variable is enough.
        raise SettingsError(list(dict.fromkeys(lines))) from None


def _lines(wrong: Mapping[str, Any]) -> list[str]:
    """Describe one pydantic error in our own words, without the values of secret settings."""
    if not wrong["loc"]:
        cause = wrong["ctx"]["error"]
        assert isinstance(cause, SettingsContradict)
        return cause.lines
    name = str(wrong["loc"][0])
    field = Settings.model_fields[name]
    shown = f" is {wrong['input']!r}, but" if field.repr else ""
    return [f"{PREFIX}{name.upper()}{shown} must be {field.description}"]
