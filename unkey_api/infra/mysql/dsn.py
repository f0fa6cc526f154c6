"""Connection strings, in the two forms people have.

    mysql://user:password@host:3306/database?tls=true            URL; reserved characters percent-encoded
    user:password@tcp(host:3306)/database?parseTime=true          Go driver; nothing is encoded
    user:password@unix(/run/mysqld/mysqld.sock)/database?parseTime=true

The Go form must say `parseTime=true`: other programs share that string, and without it they misread every date.
Parameters both forms understand:

    tls      `true` (verified), `skip-verify` (encrypted only), `false`; `preferred` means `skip-verify`
    tls-ca   path of a PEM file with the authorities to trust instead of the system's

`ssl-mode` (`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`) and `ssl-ca` say the same in MySQL's
own words. `unix_socket=/path` in the URL form connects through a socket. All else a Go driver understands (`loc`,
`charset`, `collation`, `timeout`, `readTimeout`, `writeTimeout`, `interpolateParams`, …) is read past: instants are
always UTC, text is always utf8mb4, and time-outs are settings of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT = 3306

_GO_FORM = re.compile(
    r"^(?:(?P<user>[^:@/]*)(?::(?P<password>.*))?@)?"
    r"(?:(?P<net>[a-z]+)(?:\((?P<address>[^)]*)\))?)?"
    r"/(?P<database>[^/?]*)(?:\?(?P<query>.*))?$"
)
_EXAMPLES = "mysql://user:password@host:3306/database or user:password@tcp(host:3306)/database?parseTime=true"


class DsnError(ValueError):
    """The connection string cannot be used. The message says what to change and never quotes the string."""


class TlsMode(StrEnum):
    """How much TLS."""

    OFF = "off"
    ENCRYPT = "encrypt"
    """Encrypted, certificate not checked."""
    VERIFY_CA = "verify_ca"
    """Encrypted, certificate signed by a trusted authority, any host name."""
    VERIFY = "verify"
    """Encrypted, certificate signed by a trusted authority for this host name."""


_TLS_WORDS = {
    "true": TlsMode.VERIFY,
    "false": TlsMode.OFF,
    "skip-verify": TlsMode.ENCRYPT,
    "preferred": TlsMode.ENCRYPT,
    "disabled": TlsMode.OFF,
    "required": TlsMode.ENCRYPT,
    "verify_ca": TlsMode.VERIFY_CA,
    "verify_identity": TlsMode.VERIFY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """Where a database is and who we are there. Its repr leaves the password out."""

    host: str = ""
    """Host name or address; empty when `unix_socket` is set."""
    port: int = DEFAULT_PORT
    unix_socket: str = ""
    """Path of a socket file; empty connects over TCP."""
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    """May be empty only where the caller says so."""
    tls: TlsMode = TlsMode.OFF
    tls_ca: str = ""
    """PEM file; empty trusts the system's authorities."""


def parse_dsn(text: str) -> Dsn:
    """Read a connection string in either form.

    Raises:
        DsnError: It is in neither form, lacks a user or database, or contradicts itself.
    """
    text = text.strip()
    if not text:
        raise DsnError(f"the connection string is empty; expected {_EXAMPLES}")
    dsn = _parse_url(text) if "://" in text.split("?")[0] else _parse_go(text)
    if not dsn.user:
        raise DsnError(f"the connection string names no user; expected {_EXAMPLES}")
    if not dsn.database:
        raise DsnError(f"the connection string names no database after the slash; expected {_EXAMPLES}")
    return dsn


def _parse_url(text: str) -> Dsn:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise DsnError("the URL's host or port is malformed; percent-encode special characters in it") from None
    if url.scheme not in {"mysql", "mariadb"}:
        raise DsnError("the URL's scheme must be mysql://")
    if url.fragment:
        raise DsnError("the URL has a '#'; write it as %23 if it belongs to the password")
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    tls, authority = _tls(query)
    return Dsn(
        host="" if "unix_socket" in query else url.hostname or "localhost",
        port=port or DEFAULT_PORT,
        unix_socket=query.get("unix_socket", ""),
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=unquote(url.path.removeprefix("/")),
        tls=tls,
        tls_ca=authority,
    )


def _parse_go(text: str) -> Dsn:
    match = _GO_FORM.match(text)
    if match is None:
        raise DsnError(f"the connection string is in neither known form; expected {_EXAMPLES}")
    query = dict(parse_qsl(match["query"] or "", keep_blank_values=True))
    if query.get("parseTime", "").lower() not in {"true", "1"}:
        raise DsnError("the connection string must contain parseTime=true; append ?parseTime=true (or &parseTime=true)")
    host, port, socket = _go_address(match["net"] or "tcp", match["address"] or "")
    tls, authority = _tls(query)
    return Dsn(
        host=host,
        port=port,
        unix_socket=socket,
        user=match["user"] or "",
        password=match["password"] or "",
        database=unquote(match["database"]),
        tls=tls,
        tls_ca=authority,
    )


def _go_address(net: str, address: str) -> tuple[str, int, str]:
    """Return host, port and socket path."""
    if net == "unix":
        if not address.startswith("/"):
            raise DsnError("unix(…) needs the absolute path of the server's socket file")
        return "", DEFAULT_PORT, address
    if net != "tcp":
        raise DsnError(f"the network {net!r} is unknown; use tcp(host:port) or unix(/path)")
    bracketed = re.fullmatch(r"\[(?P<host>[^\]]+)\](?::(?P<port>\d+))?", address)
    if bracketed:
        return bracketed["host"], _port(bracketed["port"]), ""
    host, _, port = address.partition(":")
    return host or "127.0.0.1", _port(port), ""


def _port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DsnError("the port must be a number from 1 to 65535")
    return int(text)


def _tls(query: dict[str, str]) -> tuple[TlsMode, str]:
    """Return the mode and the authority file the parameters ask for."""
    word = query.get("tls") or query.get("ssl-mode") or query.get("ssl_mode") or ""
    authority = query.get("tls-ca") or query.get("ssl-ca") or query.get("ssl_ca") or ""
    if not word:
        return (TlsMode.VERIFY if authority else TlsMode.OFF), authority
    mode = _TLS_WORDS.get(word.lower())
    if mode is None:
        raise DsnError(f"tls={word} is unknown; use true, skip-verify or false, and tls-ca=/path for an own authority")
    return mode, authority
