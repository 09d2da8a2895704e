"""Trusted proxies, as the operator names them for uvicorn in FORWARDED_ALLOW_IPS."""

import os
from collections.abc import Callable
from typing import Any, Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

VARIABLE: Final = "FORWARDED_ALLOW_IPS"


def has_proxies() -> bool:
    """True if the operator names proxies, whose X-Forwarded-For headers are then believed."""
    return VARIABLE in os.environ


def trusted_proxies() -> Callable[[str], bool]:
    """A function that is true for the address of a trusted proxy."""
    if not has_proxies():
        return lambda _: False
    application: Any = None  # it is never called; only the list of hosts is used
    return ProxyHeadersMiddleware(application, os.environ[VARIABLE]).trusted_hosts.__contains__
