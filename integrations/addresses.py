"""Addresses of outside systems in the settings: HTTP addresses and options of simulators."""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

SEED_LENGTH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A URL without credentials, and the user and password for it. They are never printed."""

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)


def parse_http_address(text: str, name: str) -> HttpAddress:
    """Parse an http(s) address of the system `name`: "payment gateway".

    Plain http is allowed on loopback only. Anything else raises ValueError; its message never
    contains credentials.
    """
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(f"the {name}'s address is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"the {name} must be `simulator` or an https:// address")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"a {name} over http:// must be on loopback")
    if parts.query or parts.fragment:
        raise ValueError(f"the {name}'s address must not have a query or a fragment")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port is None else f"{shown}:{port}"
    url = urlunsplit((parts.scheme, authority, parts.path.rstrip("/"), "", ""))
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    return HttpAddress(url, auth)


def simulator_options(query: str, allowed: Collection[str]) -> Mapping[str, str]:
    """The options of a simulator, each at most once and with a value. Raises ValueError."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("the simulator's options must be written as `?chaos=SEED`") from None
    options = dict(pairs)
    if options.keys() - set(allowed) or len(options) < len(pairs):
        names = " and ".join(sorted(allowed))
        raise ValueError(f"the simulator allows the options {names}, each once")
    if any(not value for value in options.values()):
        raise ValueError("each option of the simulator must have a value")
    if len(options.get("chaos", "")) > SEED_LENGTH_MAX:
        raise ValueError(f"the simulator's seed may have at most {SEED_LENGTH_MAX} characters")
    return options


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
