"""Which peers lie in the networks that an operator names."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from glancetui.server.peers import is_among

NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fe80::/10"))


@pytest.mark.parametrize("host", ["10.1.2.3", "::ffff:10.1.2.3", "fe80::1", "fe80::1%eth0"])
def test_an_address_is_known_in_each_way_that_a_socket_writes_it(host: str) -> None:
    assert is_among(host, NETWORKS)


@pytest.mark.parametrize("host", ["11.0.0.1", "::ffff:11.0.0.1", "::1", "", "somewhere"])
def test_others_and_what_is_no_address_lie_in_none(host: str) -> None:
    assert not is_among(host, NETWORKS)
