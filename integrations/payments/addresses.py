"""Address of the payment gateway in the settings, and the client for it."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from integrations.payments.gateway import PaymentGateway
from integrations.payments.http import HttpGateway, HttpLimits
from integrations.payments.simulator import Deliver, PaymentSimulator
from integrations.payments.simulator_faults import WELL_BEHAVED, chaos
from integrations.payments.simulator_journal import PaymentJournal

SEED_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """A parsed gateway address; `url` None is the simulator. Credentials are never printed."""

    url: str | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)
    chaos_seed: str | None = None
    journal: str | None = None


def parse_gateway(text: str) -> GatewayAddress:
    """Parse `simulator`, `simulator?chaos=SEED&journal=FILE`, or an http(s) address.

    Plain http is allowed on loopback only. Anything else raises ValueError; its message never
    contains credentials.
    """
    head, _, query = text.strip().partition("?")
    if head == "simulator":
        return _simulator(query)
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError("the payment gateway's address is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the payment gateway must be `simulator` or an https:// address")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("a payment gateway over http:// must be on loopback")
    if parts.query or parts.fragment:
        raise ValueError("the payment gateway's address must not have a query or a fragment")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port is None else f"{shown}:{port}"
    url = urlunsplit((parts.scheme, authority, parts.path.rstrip("/"), "", ""))
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    return GatewayAddress(url, auth)


def open_gateway(
    address: GatewayAddress,
    *,
    deliver: Deliver | None = None,
    limits: HttpLimits | None = None,
) -> PaymentGateway:
    """The client of the gateway at this address. `deliver` receives the simulator's webhooks."""
    if address.url is not None:
        return HttpGateway(address.url, auth=address.auth, limits=limits)
    seed = address.chaos_seed
    return PaymentSimulator(
        behavior=WELL_BEHAVED if seed is None else chaos(seed),
        journal=PaymentJournal(address.journal),
        deliver=deliver,
    )


def _simulator(query: str) -> GatewayAddress:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("the simulator's options must be written as `?chaos=SEED`") from None
    options = dict(pairs)
    unknown = sorted(options.keys() - {"chaos", "journal"})
    if unknown or len(options) < len(pairs):
        raise ValueError("the simulator allows the options chaos and journal, each once")
    if any(not value for value in options.values()):
        raise ValueError("each option of the simulator must have a value")
    seed = options.get("chaos")
    if seed is not None and len(seed) > SEED_LENGTH_MAX:
        raise ValueError(f"the simulator's seed may have at most {SEED_LENGTH_MAX} characters")
    return GatewayAddress(chaos_seed=seed, journal=options.get("journal"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
