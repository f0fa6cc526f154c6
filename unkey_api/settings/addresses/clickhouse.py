"""ClickHouse URLs.

    http://user:password@host:8123/database      also https://; several hosts separated by commas are used in turn
    clickhouse://user:password@host:9000/database    native protocol; also clickhouses:// and tcp://

We speak HTTP, so the native default ports 9000 and 9440 stand for 8123 and 8443. Parameters:

    secure               `true` connects by https, `false` is what the scheme says anyway
    username, password, database   in place of the parts of the URL

What Go's driver takes besides (`dial_timeout`, `read_timeout`, `compress`, `max_open_conns`, `max_idle_conns`,
`conn_max_lifetime`, `connection_open_strategy`, `block_buffer_size`, `debug`) is read past: other programs share the
string, and here time-outs and connections are none of its business.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unkey_api.settings.addresses.parameters import (
    AddressError,
    decoded,
    read_flag,
    read_parameters,
    split_authority,
    split_host,
    split_login,
)

_HTTP_PORT_OF = {9000: 8123, 9440: 8443}
_SECURE_SCHEMES = {"https", "clickhouses"}
_SCHEMES = {"http", "https", "clickhouse", "clickhouses", "tcp"}
_PASSED_OVER = (
    "dial_timeout",
    "read_timeout",
    "compress",
    "max_open_conns",
    "max_idle_conns",
    "conn_max_lifetime",
    "connection_open_strategy",
    "block_buffer_size",
    "debug",
)
_KNOWN = ("secure", "username", "password", "database", *_PASSED_OVER)
_WORDS = {"ssl": "secure", "tls": "secure", "sslmode": "secure", "user": "username", "db": "database"}


class InvalidClickHouseUrl(AddressError):
    """The URL cannot be used. The message says why and never contains the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouseAddress:
    """Servers that hold the same data, and how to log in."""

    urls: tuple[str, ...]
    """`http(s)://host:port/`, at least one; statements go to them in turn."""
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = "default"


def parse_clickhouse_url(url: str) -> ClickHouseAddress:
    """Read a ClickHouse URL.

    Raises:
        InvalidClickHouseUrl: Another scheme, no host, a bad port, or a parameter that is not understood.
    """
    try:
        return _parse(url)
    except InvalidClickHouseUrl:
        raise
    except AddressError as err:
        raise InvalidClickHouseUrl(str(err)) from None


def _parse(url: str) -> ClickHouseAddress:
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in _SCHEMES:
        raise InvalidClickHouseUrl("must be a ClickHouse URL: http://, https:// or clickhouse://")
    login, hosts, tail = split_authority(rest)
    path, _, query = tail.partition("?")
    options = read_parameters(query, _KNOWN, words=_WORDS)
    secure = scheme in _SECURE_SCHEMES
    if "secure" in options:
        wanted = read_flag("secure", options["secure"])
        if secure and not wanted:
            raise InvalidClickHouseUrl(f"says secure=false and {scheme}:// at once")
        secure = wanted
    native = not scheme.startswith("http")
    user, password = split_login(login)
    return ClickHouseAddress(
        urls=tuple(_base_url(host, secure=secure, native=native) for host in hosts.split(",")),
        user=_one("username", user, options),
        password=_one("password", password, options),
        database=_one("database", decoded(path.strip("/")), options) or "default",
    )


def _one(name: str, part: str, options: dict[str, str]) -> str:
    named = options.get(name, "")
    if part and named and part != named:
        raise InvalidClickHouseUrl(f"names one {name} before the question mark and another behind it")
    return part or named


def _base_url(netloc: str, *, secure: bool, native: bool) -> str:
    host, port = split_host(netloc, None)
    if not host:
        raise InvalidClickHouseUrl("names no host")
    if native:
        secure = secure or port == 9440
        port = _HTTP_PORT_OF.get(port, port) if port is not None else None
    if port is None:
        port = 8443 if secure else 8123
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{port}/"
