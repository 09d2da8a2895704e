"""Settings of calls and messages to other systems, read with the others (settings.py)."""

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from domain.webhooks.retries import RETRY_SECONDS
from integrations.outbound.networks import Network, parse_networks

SECRETS_KEY_MIN = 32
RETRIES_MAX = 20

Setting = partial(Field, validate_default=False)
# May hold a password or a key: shown neither in an error message nor in a repr.
Secret = partial(Setting, repr=False)


def _secrets_key(key: str) -> str:
    if len(key) < SECRETS_KEY_MIN or not re.fullmatch(r"[!-~]+", key):
        raise ValueError("not allowed")
    return key


def _networks(text: object) -> tuple[Network, ...]:
    if isinstance(text, tuple):
        return text
    return parse_networks(str(text))


def _retry_seconds(text: object) -> tuple[float, ...]:
    if isinstance(text, tuple):
        return text
    delays = tuple(float(part) for part in str(text).split(","))
    if not 1 <= len(delays) <= RETRIES_MAX or not all(0.1 <= each <= 604_800 for each in delays):
        raise ValueError("not allowed")
    return delays


class OutboundSettings(BaseSettings):
    """Settings of integrations."""

    secrets_key: Annotated[str, AfterValidator(_secrets_key)] | None = Secret(
        default=None,
        description=f"at least {SECRETS_KEY_MIN} printable ASCII characters without blanks",
    )
    outbound_allow: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = Setting(
        default=(),
        description="networks in CIDR form, like 10.1.0.0/16 or fd00::/8, separated by commas",
    )
    retry_seconds: Annotated[tuple[float, ...], NoDecode, BeforeValidator(_retry_seconds)] = (
        Setting(
            default=RETRY_SECONDS,
            description=(
                "1 to 20 delays in seconds, from 0.1 to 604800, separated by commas, like 5,300"
            ),
        )
    )
    outbound_concurrency: int = Setting(
        default=64, ge=1, le=1_000, description="a whole number of calls from 1 to 1000"
    )
    probe_seconds: float = Setting(
        default=30.0, ge=0.1, le=3_600, description="a number of seconds from 0.1 to 3600"
    )
