"""Addresses that Restow may call: public unicast ones, and the networks that the operator adds.

An IPv6 address can carry an IPv4 address. Then the carried one decides, because a router may send
the packet there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# The only unicast space that is assigned to the public (RFC 4291, IANA).
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Networks within the public space that are not for hosts, and that older tables of Python lack.
_REFUSED: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, Teredo
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)


class AllowedNetworks:
    """Decides which addresses may be called. `added`: networks of the operator, in CIDR form."""

    def __init__(self, added: Sequence[Network] = ()) -> None:
        self._added = tuple(added)

    def may_call(self, address: str, *, is_encrypted: bool) -> bool:
        """True if the address may be called; without TLS only within the added networks."""
        found = _parse(address)
        if found is None:
            return False
        return self._is_added(found) or (is_encrypted and is_public(found))

    def _is_added(self, address: Address) -> bool:
        carried = _carried(address)
        candidates = (address,) if carried is None else (address, carried)
        return any(each in network for each in candidates for network in self._added)


def is_public(address: Address) -> bool:
    """True if the address, and one that it carries, is a public unicast address."""
    if carried := _carried(address):
        return is_public(carried)
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    is_special = address.is_multicast or address.is_reserved or not address.is_global
    return not is_special and not any(address in network for network in _REFUSED)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse networks in CIDR form, separated by commas. Raises ValueError."""
    parts = [part.strip() for part in text.split(",")]
    return tuple(ipaddress.ip_network(part) for part in parts if part)


def _parse(text: str) -> Address | None:
    """The address; None for other text, and for one of a single link (`fe80::1%eth0`)."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found.scope_id is not None else found


def _carried(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv4-mapped, 6to4 or NAT64 address."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
