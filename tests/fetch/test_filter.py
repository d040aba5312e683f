"""The address matrix: what a user must not reach, in every spelling, through every way that an address can come in."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.config.settings import FetchSettings
from glancetui.errors import BadRequest, FetchFailed
from glancetui.fetch.addresses import NAT64, REFUSED, why_refused
from glancetui.fetch.filter import Filter, normal_host

ANY_PORT = FetchSettings(allowed_ports=())
#: Address → spellings that mean it and that a resolver of this system, or a parser of URLs, takes.
V4 = (
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "0.0.0.0",
    "100.100.100.200",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
)
V6 = ("::1", "::", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "2002:7f00:1::", "2001:0:53aa:64c::1",
      "64:ff9b:1::7f00:1", "fec0::1", "::7f00:1")  # fmt: skip


def spellings(address: str) -> list[str]:
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = (number >> shift & 255 for shift in (24, 16, 8, 0))
    wide = "".join(chr(0xFF10 + int(each)) if each.isdigit() else "．" for each in address)
    return [
        address,
        address + ".",
        str(number),
        hex(number),
        f"0{number:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        wide,
        address.replace(".", "。"),
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[64:ff9b::{address}]",
        f"[0:0:0:0:0:ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
    ]


def passes(filter_: Filter, url: str) -> bool:
    try:
        filter_.locate(filter_.parse(url))
    except (BadRequest, FetchFailed):
        return False
    return True


@pytest.mark.parametrize("address", V4)
def test_no_spelling_of_a_forbidden_address_passes(address: str) -> None:
    filter_ = Filter(ANY_PORT)
    assert [host for host in spellings(address) if passes(filter_, f"http://{host}/")] == []


@pytest.mark.parametrize("address", V6)
def test_no_forbidden_address_of_ipv6_passes(address: str) -> None:
    filter_ = Filter(ANY_PORT)
    full = ipaddress.IPv6Address(address).exploded
    assert not passes(filter_, f"http://[{address}]/")
    assert not passes(filter_, f"http://[{full}]/")
    assert not passes(filter_, f"http://[{full.upper()}]:8080/")


@pytest.mark.parametrize(
    "host", ["93.184.216.34", "10.0.0.1", "192.168.1.1", "[2001:4860:4860::8888]", "[fd12::1]", "[64:ff9b::5db8:d822]"]
)
def test_public_and_private_addresses_pass(host: str) -> None:
    assert passes(Filter(ANY_PORT), f"http://{host}/")


@given(st.ip_addresses())
def test_what_is_refused_is_what_a_network_of_the_list_holds(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    listed = any(address.version == network.version and address in network for network, _ in REFUSED)
    wraps = address.version == 6 and (address.ipv4_mapped is not None or address in NAT64)
    assert wraps or (why_refused(str(address)) is not None) == listed


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_judged_as_what_it_wraps(address: ipaddress.IPv4Address) -> None:
    bare = why_refused(str(address))
    assert why_refused(f"::ffff:{address}") == bare
    assert why_refused(f"64:ff9b::{address}") == bare


def answering(*addresses: str) -> Any:
    def resolve(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def test_one_bad_address_among_good_ones_is_refused() -> None:
    assert passes(Filter(ANY_PORT, answering("93.184.216.34", "1.1.1.1")), "http://x.example/")
    assert not passes(Filter(ANY_PORT, answering("93.184.216.34", "127.0.0.1")), "http://x.example/")
    assert not passes(Filter(ANY_PORT, answering("fe80::1%eth0")), "http://x.example/")


def test_a_name_is_resolved_once_and_its_answer_is_what_is_connected_to() -> None:
    asked = []

    def resolve(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1" if len(asked) == 1 else "127.0.0.1", port))]

    filter_ = Filter(ANY_PORT, resolve)
    target = filter_.locate(filter_.parse("http://rebinding.example/"))
    assert (target.addresses, asked) == (("1.1.1.1",), ["rebinding.example"])


def test_a_host_that_is_allowed_by_name_may_lie_anywhere_and_no_other_passes() -> None:
    filter_ = Filter(FetchSettings(allowed_hosts=("Images.Internal.",), allowed_ports=()), answering("127.0.0.1"))
    assert passes(filter_, "http://images.internal/")
    assert passes(filter_, "http://IMAGES.INTERNAL./")
    assert not passes(filter_, "http://other.example/")
    assert not passes(filter_, "http://127.0.0.1/")


@pytest.mark.parametrize(
    ("settings", "url", "good"),
    [
        (FetchSettings(), "http://1.1.1.1/", True),
        (FetchSettings(), "https://1.1.1.1/", True),
        (FetchSettings(), "http://1.1.1.1:8080/", False),
        (FetchSettings(allowed_ports=(8080,)), "http://1.1.1.1:8080/", True),
        (FetchSettings(allowed_ports=(), disallowed_ports=(22,)), "http://1.1.1.1:22/", False),
        (FetchSettings(allowed_ports=(), disallowed_ports=(22,)), "http://1.1.1.1:23/", True),
        (FetchSettings(allowed_ports=(22,), disallowed_ports=(22,)), "http://1.1.1.1:22/", True),
        (FetchSettings(disallowed_hosts=("1.1.1.1",)), "http://1.1.1.1/", False),
        (FetchSettings(disallowed_hosts=("evil.example",)), "http://EVIL.example./", False),
        (FetchSettings(allowed_schemes=("https",)), "http://1.1.1.1/", False),
        (FetchSettings(allowed_schemes=(), disallowed_schemes=("http",)), "http://1.1.1.1/", False),
        (FetchSettings(allowed_schemes=()), "ftp://1.1.1.1/", False),
    ],
)  # fmt: skip
def test_the_operators_lists_decide(settings: FetchSettings, url: str, good: bool) -> None:
    assert passes(Filter(settings), url) is good


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "file:///etc/passwd", "ftp://1.1.1.1/", "gopher://1.1.1.1/", "//1.1.1.1/", "http:///path", "http://",
        "http://user@1.1.1.1/", "http://user:word@1.1.1.1/", "http://127.0.0.1:80\\@1.1.1.1/", "http://1.1.1.1\\@127.0.0.1/",
        "http://1.1.1.1 /", "http://1.1.1.1/\r\nHost: x", "http://1.1.1.1/\ta", "http://1.1.1.1:99999/", "http://1.1.1.1:x/",
        "http://[::1", "http://[fe80::1%25eth0]/", "http://1%2e1.1.1/", "http://1.1.1.1/é",
        "http://1.1.1.1/" + "a" * 5000,
        "http://1.1.1.1#@127.0.0.1:80\\/", "http://\u0000/",
    ],
)  # fmt: skip
def test_what_parsers_disagree_about_is_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        Filter(ANY_PORT).parse(url)


@given(st.text(max_size=60))
def test_no_text_makes_the_filter_fail_otherwise_than_by_refusing(text: str) -> None:
    filter_ = Filter(ANY_PORT, answering("127.0.0.1"))
    assert not passes(filter_, "http://" + text)
    assert not passes(filter_, text)


def test_hosts_are_compared_in_one_spelling() -> None:
    assert normal_host("ＥＸＡＭＰＬＥ．com.") == "example.com"
    assert normal_host("bücher.example") == "xn--bcher-kva.example"
