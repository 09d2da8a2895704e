"""Addresses that may be called, in every form in which a private one can be written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.outbound.networks import AllowedNetworks, is_public, parse_networks

PUBLIC_ONLY = AllowedNetworks()

REFUSED = (
    # this machine, this network, private networks
    *("127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1"),
    *("192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.8", "198.18.0.1"),
    # documentation, multicast, reserved, broadcast, relays
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "192.88.99.1"),
    # version 6: none, this machine, link, site, private, multicast, documentation, protocols
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12::1", "ff02::1"),
    *("2001:db8::1", "3fff::1", "100::1", "2001::1", "2001:10::1", "5f00::1", "4000::1"),
    # version 4 inside version 6: mapped, compatible, translated, 6to4, NAT64
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
    *("::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "2002:7f00:1::1", "2002:a00:1::"),
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8"),
    # no address
    *("", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "127.0.0.1:80"),
)
ALLOWED = (
    *("8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"),
    *("::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::8.8.8.8"),
)


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC_ONLY.may_call(address, is_encrypted=True)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_called_with_tls_only(address: str) -> None:
    assert PUBLIC_ONLY.may_call(address, is_encrypted=True)
    assert not PUBLIC_ONLY.may_call(address, is_encrypted=False)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7"])
def test_networks_of_the_operator_are_added_also_without_tls(address: str) -> None:
    networks = AllowedNetworks(parse_networks("10.1.0.0/16, fd00::/8"))
    assert networks.may_call(address, is_encrypted=True)
    assert networks.may_call(address, is_encrypted=False)
    assert not networks.may_call("10.2.0.1", is_encrypted=True)
    assert not networks.may_call("127.0.0.1", is_encrypted=False)


@given(st.integers(0, 2**32 - 1))
def test_a_version_4_address_is_judged_the_same_in_every_version_6_form(number: int) -> None:
    plain = ipaddress.IPv4Address(number)
    carriers = (
        ipaddress.IPv6Address(0xFFFF << 32 | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),
        ipaddress.IPv6Address(0x64FF9B << 96 | number),
    )
    assert {is_public(each) for each in carriers} == {is_public(plain)}


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0.0/33", "shop.example", "10.0.0.0/8 fd00::/8"]
)
def test_a_malformed_network_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_networks(text)
