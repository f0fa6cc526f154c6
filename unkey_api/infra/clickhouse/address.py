"""Where a ClickHouse server is, read from a URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

_HTTP_PORT_OF = {9000: 8123, 9440: 8443}
_SECURE_SCHEMES = {"https", "clickhouses"}
_SCHEMES = {"http", "https", "clickhouse", "clickhouses", "tcp"}


class InvalidClickHouseUrl(ValueError):
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
    """Read `http(s)://user:password@host:port[,host:port]/database`.

    `clickhouse://` URLs of the native protocol are understood too: we speak HTTP, so the native default ports 9000 and
    9440 stand for 8123 and 8443, and `secure=true` or port 9440 selects https.

    Raises:
        InvalidClickHouseUrl: Another scheme, no host, or a port that is no number.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise InvalidClickHouseUrl("a ClickHouse URL starts with http://, https:// or clickhouse://")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    secure = parts.scheme in _SECURE_SCHEMES or options.get("secure", "").lower() in {"1", "true"}
    native = not parts.scheme.startswith("http")
    return ClickHouseAddress(
        urls=tuple(_base_url(host, secure=secure, native=native) for host in hosts.split(",")),
        user=unquote(user) or options.get("username", ""),
        password=unquote(password) or options.get("password", ""),
        database=unquote(parts.path.strip("/")) or options.get("database", "") or "default",
    )


def _base_url(netloc: str, *, secure: bool, native: bool) -> str:
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidClickHouseUrl("the ClickHouse URL has a port that is no number from 0 to 65535") from error
    if not host:
        raise InvalidClickHouseUrl("the ClickHouse URL names no host")
    if native:
        secure = secure or port == 9440
        port = _HTTP_PORT_OF.get(port, port) if port is not None else None
    if port is None:
        port = 8443 if secure else 8123
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{port}/"
