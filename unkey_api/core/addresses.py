"""IP addresses as peers, proxies and people write them.

One form everywhere: an IPv4 address that arrives mapped into IPv6 (`::ffff:10.0.0.1`, as every IPv4 peer does on a
socket that listens on `::`) is that IPv4 address, and IPv6 zones (`fe80::1%eth0`) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

FORWARDED_BYTES_MAX = 4_096
FORWARDED_ENTRIES_MAX = 50
_TEXT_MAX = 64  # no address is longer, its brackets, zone and port included
_MAPPED_BITS = 96
_V6_SITE_BITS = 64  # what one subscriber gets; counting single addresses of it would count nothing


@lru_cache(maxsize=4_096)
def read_address(text: str) -> Address | None:
    """Return the address, or None for any other text. Neither ports nor brackets are allowed."""
    if len(text) > _TEXT_MAX:
        return None
    try:
        address = ip_address(text.partition("%")[0] if "%" in text and ":" in text else text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return address if mapped is None else mapped


@lru_cache(maxsize=4_096)
def shown_address(text: str) -> str:
    """Return an address in its usual notation, empty text for what is none."""
    address = read_address(text)
    return "" if address is None else str(address)


def read_forwarded(entry: str) -> Address | None:
    """Return the address of one `X-Forwarded-For` entry: `1.2.3.4`, `1.2.3.4:5`, `v6`, `[v6]` or `[v6]:5`."""
    text = entry.strip(" \t")
    if len(text) > _TEXT_MAX:
        return None
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        return read_address(host) if closed and ":" in host and _is_port(port, optional=True) else None
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return read_address(host) if _is_port(f":{port}", optional=False) else None
    return read_address(text)


def unmapped_network(network: Network) -> Network:
    """Return a network of mapped IPv4 addresses as that IPv4 network, any other as it is."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def read_network(text: str) -> Network | None:
    """Return the network of an address or CIDR range, host bits ignored; None for any other text."""
    address = read_address(text)  # takes zones, which a network may not have
    if address is not None:
        return ip_network(address)
    if len(text) > _TEXT_MAX:
        return None
    try:
        return unmapped_network(ip_network(text, strict=False))
    except ValueError:
        return None


def inside(address: Address, networks: Iterable[Network]) -> bool:
    """Say whether one of the networks holds the address."""
    return any(address in network for network in networks)


class AddressList:
    """The addresses and CIDR ranges of both families that may do something, as people write them."""

    __slots__ = ("_addresses", "_networks")

    def __init__(self, entries: Iterable[str]) -> None:
        """Take the entries. One that is neither an address nor a range matches nothing."""
        networks = [network for entry in entries if (network := read_network(entry.strip())) is not None]
        single = [network for network in networks if network.prefixlen == network.max_prefixlen]
        self._addresses = frozenset(network.network_address for network in single)
        self._networks = tuple(network for network in networks if network not in single)

    @classmethod
    def parse(cls, text: str | None) -> AddressList | None:
        """Read a comma separated list; None where it has no entries, so that everybody may."""
        entries = [entry for entry in (text or "").split(",") if entry.strip()]
        return cls(entries) if entries else None

    @property
    def size(self) -> int:
        """How many addresses and ranges there are; one that cannot be read is none."""
        return len(self._addresses) + len(self._networks)

    def holds(self, text: str) -> bool:
        """Say whether an address is on the list; text that is no address is not."""
        address = read_address(text)
        return address is not None and (address in self._addresses or inside(address, self._networks))


def site(address: Address) -> str:
    """Return what one party can be assumed to hold: an IPv4 address, or the /64 of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _V6_SITE_BITS), strict=False))


def client_address(peer: str, forwarded: Iterable[bytes], proxies: tuple[Network, ...]) -> Address | None:
    """Work out who called.

    The peer, unless it is a trusted proxy: then the entries of all `X-Forwarded-For` lines, in their order, are walked
    from the right, and the first that is no trusted proxy is the caller. An entry that is no address ends the walk at
    the one before it, since whoever wrote it cannot be told; so does the bound on what is read.

    Args:
        peer: Address of the socket's other end; None is returned for what is no address, such as a path.
        forwarded: Values of the header lines, in the order they arrived.
        proxies: Networks whose word is taken; none means that the lines are not read.
    """
    address = read_address(peer)
    if address is None or not proxies or not inside(address, proxies):
        return address
    for entry in _from_the_right(forwarded):
        candidate = read_forwarded(entry)
        if candidate is None:
            break
        address = candidate
        if not inside(candidate, proxies):
            break
    return address


def _from_the_right(lines: Iterable[bytes]) -> Iterable[str]:
    """Return the last entries first. Empty ones are left out, and an entry cut by the bound is not among them."""
    whole = b",".join(lines)
    text = whole[-FORWARDED_BYTES_MAX:].decode("latin-1")
    entries = text.rsplit(",", FORWARDED_ENTRIES_MAX)
    complete = entries if len(entries) <= FORWARDED_ENTRIES_MAX and len(whole) == len(text) else entries[1:]
    return [entry for entry in reversed(complete) if entry.strip(" \t")]


def _is_port(text: str, *, optional: bool) -> bool:
    if not text:
        return optional
    return text[0] == ":" and 2 <= len(text) <= 6 and text.isascii() and text[1:].isdecimal() and int(text[1:]) < 65_536
