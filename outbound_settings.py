"""Settings of calls and messages to other systems, read with the others (settings.py)."""

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

SECRETS_KEY_MIN = 32

Setting = partial(Field, validate_default=False)
# May hold a password or a key: shown neither in an error message nor in a repr.
Secret = partial(Setting, repr=False)


def _secrets_key(key: str) -> str:
    if len(key) < SECRETS_KEY_MIN or not re.fullmatch(r"[!-~]+", key):
        raise ValueError("not allowed")
    return key


class OutboundSettings(BaseSettings):
    """Settings of integrations."""

    secrets_key: Annotated[str, AfterValidator(_secrets_key)] | None = Secret(
        default=None,
        description=f"at least {SECRETS_KEY_MIN} printable ASCII characters without blanks",
    )
