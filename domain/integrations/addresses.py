"""Addresses of webhooks and channels, as an operator or a partner types them."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from domain.errors import DomainError, Invalid, Path
from domain.integrations.states import IntegrationKind

URL_MAX: Final = 2_000
SIMULATOR: Final = "simulator"
_SEED_MAX: Final = 100
_FORM: Final = "an https:// address without user, password and fragment"


class EndpointRefused(DomainError):
    """The host of an address cannot be resolved, or has an address that must not be called.

    The message never has the addresses: they would tell how the operator's network is built.
    """

    code = "ENDPOINT_REFUSED"
    is_stored = False

    def __init__(self, *, field: Path = ()) -> None:
        super().__init__(
            "The address must not be called: its host cannot be resolved, or is not a public"
            " address. RESTOW_OUTBOUND_ALLOW adds networks; there http:// is allowed too.",
            field=field,
        )


def check_url(url: str, kind: IntegrationKind) -> None:
    """Raise Invalid (field `url`) unless an integration of this kind may have the address.

    `http://` has the right form too: whether its host may be reached so is checked at each
    connection.
    """
    if not 1 <= len(url) <= URL_MAX:
        raise _invalid(f"1 to {URL_MAX} characters are allowed; {len(url)} were sent.")
    if kind is IntegrationKind.CHANNEL and is_simulator(url):
        _check_options(url)
        return
    allowed = _FORM
    if kind is IntegrationKind.CHANNEL:
        allowed = f"{_FORM}, or simulator, or simulator?chaos=SEED"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid(f"The address is not a URL; allowed: {allowed}.") from None
    is_web = parts.scheme in ("https", "http") and bool(parts.hostname) and port != 0
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not is_web or not is_plain or "@" in parts.netloc or "#" in url:
        raise _invalid(f"The address is not allowed; allowed: {allowed}.")


def is_simulator(url: str) -> bool:
    """True if the address names the built-in simulator."""
    return url.partition("?")[0] == SIMULATOR


def _check_options(url: str) -> None:
    _, mark, query = url.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    is_seed = [name for name, _ in options] == ["chaos"] and 0 < len(options[0][1]) <= _SEED_MAX
    if mark and not (is_seed and url.isprintable()):
        raise _invalid("The simulator allows one option: simulator?chaos=SEED.")


def _invalid(message: str) -> Invalid:
    return Invalid(message, field=("url",))
