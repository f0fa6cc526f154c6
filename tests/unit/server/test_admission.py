"""How many connections there may be, and for whom they count."""

from __future__ import annotations

from ipaddress import ip_network

from unkey_api.server.listeners import Admission


def admission(*exempt: str, total: int = 100, per_address: int = 2) -> Admission:
    return Admission(total=total, per_address=per_address, exempt=[ip_network(each) for each in exempt])


def let_in(counted: Admission, *addresses: str) -> list[bool]:
    return [counted.enter(address) is not None for address in addresses]


def test_an_address_holds_so_many_and_no_more() -> None:
    counted = admission()
    assert let_in(counted, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2") == [True, True, False, True]
    assert counted.refused == 1


def test_a_closed_connection_makes_room() -> None:
    counted = admission(per_address=1)
    holder = counted.enter("192.0.2.1")
    assert holder is not None
    counted.leave(holder)
    assert let_in(counted, "192.0.2.1") == [True]
    assert counted.in_all == 1


def test_all_addresses_together_hold_so_many() -> None:
    assert let_in(admission(total=2), "192.0.2.1", "192.0.2.2", "192.0.2.3") == [True, True, False]


def test_a_trusted_proxy_counts_in_all_only() -> None:
    counted = admission("10.0.0.0/8", total=4, per_address=1)
    assert let_in(counted, *["10.1.2.3"] * 5) == [True, True, True, True, False]


def test_an_ipv4_address_is_the_same_in_ipv6_notation() -> None:
    counted = admission(per_address=1)
    assert let_in(counted, "192.0.2.1", "::ffff:192.0.2.1") == [True, False]
    assert let_in(admission("10.0.0.0/8", per_address=1), *["::ffff:10.0.0.1"] * 3) == [True, True, True]


def test_an_ipv6_subscriber_counts_as_one() -> None:
    counted = admission(per_address=1)
    assert let_in(counted, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [True, False, True]


def test_what_is_no_address_counts_as_well() -> None:
    assert let_in(admission(per_address=1), "", "unix", "unix") == [True, True, False]
