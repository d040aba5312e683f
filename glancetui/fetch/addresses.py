"""Which network addresses a user must not send the service to, by what they mean and not by how they are spelled."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is meant
#: Networks that are no place of images: this host, its link, its cloud's metadata, groups, and ways round the list.
REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("100.64.0.0/10", "a provider's own network"),  # holds a cloud's metadata as well
        ("168.63.129.16/32", "a cloud's metadata"),
        ("192.0.0.0/24", "a protocol's own"),
        ("198.18.0.0/15", "for benchmarks"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),  # broadcast is in here
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("::/96", "an IPv4 address in an old disguise"),
        ("64:ff9b:1::/48", "translated locally"),
        ("100::/64", "discarded"),
        ("2001::/32", "a tunnel (Teredo)"),
        ("2002::/16", "a tunnel (6to4)"),
        ("fd00:ec2::/32", "a cloud's metadata"),
        ("fd20:ce::/32", "a cloud's metadata"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)


def meant(address: Address) -> Address:
    """The IPv4 address behind an IPv6 one that only wraps it; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def why_refused(text: str) -> str | None:
    """What the address is that makes it no place of images; None: it may be connected to.

    `text` as a resolver gives it, a scope (`%eth0`) included. Raises ValueError for what is no address.
    """
    address = meant(ip_address(text.partition("%")[0]))
    return next((what for network, what in REFUSED if address.version == network.version and address in network), None)
