"""Settings of calls and messages to other systems, read with the others (settings.py)."""

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from integrations.outbound.networks import Network, parse_networks

SECRETS_KEY_MIN = 32

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
    outbound_concurrency: int = Setting(
        default=64, ge=1, le=1_000, description="a whole number of calls from 1 to 1000"
    )
