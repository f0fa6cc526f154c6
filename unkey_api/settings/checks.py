"""Rules about single values that limits alone cannot express. Each returns None or what is wrong, without the value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from ipaddress import ip_address

from unkey_api.core.secret import Secret
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.addresses.http import read_http_url
from unkey_api.settings.addresses.mysql import parse_dsn
from unkey_api.settings.addresses.parameters import AddressError, is_host_name, split_host
from unkey_api.settings.addresses.redis import parse_redis_url

GOSSIP_KEY_BYTES = frozenset({16, 24, 32})


def check_dsn(dsn: Secret) -> str | None:
    """Accept empty text and the connection strings of MySQL, both forms."""
    return _refusal(parse_dsn, dsn.reveal()) if dsn.reveal() else None


def check_redis_url(url: Secret) -> str | None:
    """Accept redis:// and rediss:// with a host and parameters that are understood."""
    return _refusal(parse_redis_url, url.reveal())


def check_clickhouse_url(url: Secret) -> str | None:
    """Accept empty text and what the ClickHouse client understands."""
    return _refusal(parse_clickhouse_url, url.reveal()) if url.reveal() else None


def check_http_url(url: str) -> str | None:
    """Accept empty text and absolute http and https URLs without parameters."""
    return _refusal(read_http_url, url) if url else None


def check_https_url(url: str) -> str | None:
    """Accept empty text and absolute https URLs, parameters included."""
    if not url:
        return None
    if not url.lower().startswith("https://"):
        return "must be an absolute https URL"
    problem = _refusal(lambda text: read_http_url(text, parameters=True), url)
    return problem.replace("http or https", "https") if problem else None


def check_origin(url: str) -> str | None:
    """Accept absolute http and https URLs that end behind the host: not even a `/`, an empty `?` or `#` may follow."""
    if url and "://" in url and any(mark in url.partition("://")[2] for mark in "/?#"):
        return "must not have a path, query or fragment"
    return check_http_url(url)


def check_no_surrounding_space(secret: Secret) -> str | None:
    """Accept text that does not begin or end with white space."""
    text = secret.reveal()
    return None if text == text.strip() else "must not begin or end with white space"


def check_gossip_key(secret: Secret) -> str | None:
    """Accept base64 of 16, 24 or 32 bytes."""
    try:
        key = base64.b64decode(secret.reveal(), validate=True)
    except (binascii.Error, ValueError):
        return "must be base64"
    return None if len(key) in GOSSIP_KEY_BYTES else "must be base64 of 16, 24 or 32 bytes"


def check_agent(agent: str) -> str | None:
    """Accept the two ways to come by a gossip agent."""
    return None if agent in {"supervised", "external"} else "must be supervised or external"


def check_profile(profile: str) -> str | None:
    """Accept the timings a gossip agent knows."""
    return None if profile in {"lan", "wan", "local"} else "must be lan, wan or local"


def check_host_port(address: str) -> str | None:
    """Accept a host and a port, an IPv6 host in brackets; empty text too, where the key may be empty."""
    if not address:
        return None
    try:
        host, port = split_host(address, None)
    except AddressError as err:
        return str(err)
    return None if host and port else "must be host:port"


def check_host_maybe_port(address: str) -> str | None:
    """Accept a host with or without a port, an IPv6 host in brackets or bare; empty text too."""
    if not address or _is_address(address):
        return None
    try:
        host, _ = split_host(address, None)
    except AddressError as err:
        return str(err)
    return None if host else "must be host or host:port"


def check_bind_address(address: str) -> str | None:
    """Accept an address of either family, and a host name."""
    return None if _is_address(address) or is_host_name(address) else "must be an IP address or a host name"


def check_body_size(size: int) -> str | None:
    """Accept everything but 0, with which nothing could be asked."""
    return None if size else "must not be 0, which would let no request in; -1 lifts the limit"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _refusal(read: Callable[[str], object], text: str) -> str | None:
    try:
        read(text)
    except AddressError as err:
        return str(err)
    return None
