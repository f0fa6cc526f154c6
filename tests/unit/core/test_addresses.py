"""Addresses as peers, proxies and people write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.addresses import (
    FORWARDED_ENTRIES_MAX,
    AddressList,
    client_address,
    read_address,
    read_forwarded,
    site,
    unmapped_network,
)

PROXY = "10.0.0.1"
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def walk(*lines: str, peer: str = PROXY) -> str:
    return str(client_address(peer, [line.encode("latin-1") for line in lines], PROXIES))


class TestReading:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("2001:DB8::0:1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
        ],
    )
    def test_one_form_for_each_address(self, text: str, address: str) -> None:
        assert str(read_address(text)) == address

    @pytest.mark.parametrize(
        "text",
        ["", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4%x", "01.2.3.4", "[::1]", "1.2.3.4/8", "/run/s", "9" * 99],
    )
    def test_other_text_is_none(self, text: str) -> None:
        assert read_address(text) is None

    @pytest.mark.parametrize(
        ("entry", "address"),
        [
            (" 192.0.2.1\t", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
            ("192.0.2.1:", "None"),
            ("192.0.2.1:http", "None"),
            ("192.0.2.1:99999", "None"),
            ("[192.0.2.1]:80", "None"),
            ("[2001:db8::1", "None"),
            ("[2001:db8::1]x", "None"),
            ("unknown", "None"),
            ("_hidden", "None"),
            ("for=192.0.2.1", "None"),
            ('"192.0.2.1"', "None"),
        ],
    )
    def test_entries_have_ports_and_brackets(self, entry: str, address: str) -> None:
        assert str(read_forwarded(entry)) == address

    @given(address=st.ip_addresses(), port=st.integers(0, 65_535))
    def test_every_address_is_read_in_every_form(self, address: IPv4Address | IPv6Address, port: int) -> None:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        shown = f"[{address}]" if address.version == 6 else str(address)
        for text in (str(address), f"{shown}:{port}"):
            assert read_forwarded(text) == (mapped or address)

    @given(address=st.ip_addresses(v=4))
    def test_mapped_address_is_the_address(self, address: IPv4Address) -> None:
        assert read_address(f"::ffff:{address}") == address

    @given(text=st.text())
    def test_no_text_is_a_crash(self, text: str) -> None:
        read_forwarded(text)
        assert not AddressList([text]).holds(text) or read_address(text) is not None


class TestWalk:
    @pytest.mark.parametrize(
        ("lines", "caller"),
        [
            ([], PROXY),
            ([""], PROXY),
            (["192.0.2.1"], "192.0.2.1"),
            (["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
            (["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
            (["198.51.100.1", "192.0.2.1, 10.1.1.1", "10.2.2.2"], "192.0.2.1"),
            (["192.0.2.1, , 10.1.1.1,"], "192.0.2.1"),
            (["192.0.2.1, unknown"], PROXY),
            (["192.0.2.1, not an address, 10.1.1.1"], "10.1.1.1"),
            (["<script>"], PROXY),
            (["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
            (["192.0.2.1, ::ffff:10.1.1.1"], "192.0.2.1"),
            (["192.0.2.1, [fd00::1]:99"], "192.0.2.1"),
            (["\xff\xfe, 10.1.1.1"], "10.1.1.1"),
        ],
    )
    def test_from_the_right_over_all_lines(self, lines: list[str], caller: str) -> None:
        assert walk(*lines) == caller

    def test_a_line_a_proxy_adds_cannot_be_hidden_by_one_of_the_caller(self) -> None:
        """HAProxy adds a line of its own instead of extending the one there is."""
        assert walk("203.0.113.9", "192.0.2.1") == "192.0.2.1"

    def test_a_stranger_is_not_asked(self) -> None:
        assert walk("192.0.2.1", peer="198.51.100.1") == "198.51.100.1"

    @pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "fd00::7", "fd00::7%eth1"])
    def test_proxies_are_known_in_every_form(self, peer: str) -> None:
        assert walk("192.0.2.1", peer=peer) == "192.0.2.1"

    @pytest.mark.parametrize("peer", ["", "/run/api.sock", "testclient"])
    def test_a_peer_without_an_address_has_none(self, peer: str) -> None:
        assert walk("192.0.2.1", peer=peer) == "None"

    def test_only_so_many_entries_are_looked_at(self) -> None:
        """The address at the bound is one of a trusted proxy, never one the caller put beyond it."""
        assert walk("192.0.2.1, " + ", ".join(["10.1.1.1"] * (FORWARDED_ENTRIES_MAX - 1))) == "192.0.2.1"
        assert walk("192.0.2.1, " + ", ".join(["10.1.1.1"] * FORWARDED_ENTRIES_MAX)) == "10.1.1.1"

    @pytest.mark.parametrize("filler", ["x", " ", ",", "10.1.1.1,"])
    def test_only_so_many_bytes_are_looked_at(self, filler: str) -> None:
        assert walk("192.0.2.1," + filler * 100_000 + ",10.1.1.2") in {"10.1.1.1", "10.1.1.2"}

    @given(lines=st.lists(st.text(st.characters(max_codepoint=255))))
    def test_the_answer_is_an_address_whatever_is_sent(self, lines: list[str]) -> None:
        ip_address(walk(*lines))


class TestLists:
    def test_ranges_of_mapped_addresses_are_ranges_of_ipv4(self) -> None:
        assert unmapped_network(ip_network("::ffff:10.0.0.0/104")) == ip_network("10.0.0.0/8")
        assert unmapped_network(ip_network("fd00::/8")) == ip_network("fd00::/8")

    def test_no_entries_are_no_list(self) -> None:
        assert AddressList.parse(None) is None
        assert AddressList.parse(" , ") is None

    @pytest.mark.parametrize("text", ["", "unknown", "203.0.113.9/32"])
    def test_what_is_no_address_is_not_on_it(self, text: str) -> None:
        assert not AddressList(["0.0.0.0/0", "::/0", "203.0.113.9/32"]).holds(text)

    def test_both_families(self) -> None:
        listed = AddressList(["2001:db8::/48", "192.0.2.0/30", "198.51.100.7"])
        assert all(map(listed.holds, ["2001:db8::ffff", "::ffff:192.0.2.3", "198.51.100.7"]))
        assert not any(map(listed.holds, ["2001:db8:1::1", "192.0.2.4", "::192.0.2.1", "198.51.100.8"]))


def test_a_site_is_an_address_or_a_64() -> None:
    assert site(IPv4Address("192.0.2.1")) == "192.0.2.1"
    assert site(IPv6Address("2001:db8:0:1:ffff::1")) == site(IPv6Address("2001:db8:0:1::2")) == "2001:db8:0:1::/64"
