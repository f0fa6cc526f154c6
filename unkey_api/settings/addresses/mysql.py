"""Connection strings of MySQL, in the two forms people have.

    mysql://user:password@host:3306/database?tls=true            URL; reserved characters percent-encoded
    user:password@tcp(host:3306)/database?parseTime=true          Go driver; nothing but parameters is encoded
    user:password@unix(/run/mysqld/mysqld.sock)/database?parseTime=true

The Go form must say `parseTime=true`: other programs share that string, and without it they misread every date.
Parameters both forms understand:

    tls      `true` (verified), `skip-verify` (encrypted only), `false`; `preferred` means `skip-verify`
    tls-ca   path of a PEM file with the authorities to trust instead of the system's; alone it means `tls=true`

`ssl-mode` (`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`) and `ssl-ca`, also with an underscore,
say the same in MySQL's own words. `unix_socket=/path` in the URL form connects through a socket. What a Go driver
understands besides (`loc`, `charset`, `collation`, `timeout`, `readTimeout`, `interpolateParams`, …; the list is
`_PASSED_OVER`) is read past: instants are always UTC, text is always utf8mb4, and time-outs are settings of their own.
Anything else is refused by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from unkey_api.settings.addresses.parameters import (
    AddressError,
    decoded,
    is_host_name,
    read_parameters,
    read_port,
    split_authority,
    split_host,
    split_login,
)

DEFAULT_PORT = 3306

_MODE = ("tls", "ssl-mode", "ssl_mode")
_AUTHORITY = ("tls-ca", "ssl-ca", "ssl_ca")
_PASSED_OVER = (
    "allowAllFiles",
    "allowCleartextPasswords",
    "allowFallbackToPlaintext",
    "allowNativePasswords",
    "allowOldPasswords",
    "charset",
    "checkConnLiveness",
    "clientFoundRows",
    "collation",
    "columnsWithAlias",
    "compress",
    "connectionAttributes",
    "interpolateParams",
    "loc",
    "maxAllowedPacket",
    "multiStatements",
    "parseTime",
    "readTimeout",
    "rejectReadOnly",
    "serverPubKey",
    "timeTruncate",
    "timeout",
    "writeTimeout",
)
_GO_KNOWN = (*_MODE, *_AUTHORITY, *_PASSED_OVER)
_URL_KNOWN = (*_GO_KNOWN, "unix_socket")
_WORDS = {
    "ssl": "tls",
    "sslmode": "ssl-mode",
    "usessl": "tls",
    "requiressl": "tls",
    "sslaccept": "tls",
    "tls-mode": "tls",
    "tls_mode": "tls",
    "sslca": "ssl-ca",
    "sslrootcert": "tls-ca",
    "socket": "unix_socket",
}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_GO_FORM = re.compile(
    r"^(?:(?P<user>[^:@/]*)(?::(?P<password>.*))?@)?"
    r"(?:(?P<net>[a-z]+)(?:\((?P<address>[^)]*)\))?)?"
    r"/(?P<database>[^/?]*)(?:\?(?P<query>.*))?$"
)
_EXAMPLES = "mysql://user:password@host:3306/database or user:password@tcp(host:3306)/database?parseTime=true"


class DsnError(AddressError):
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
    "1": TlsMode.VERIFY,
    "false": TlsMode.OFF,
    "0": TlsMode.OFF,
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
        DsnError: It is in neither form, lacks a user or database, has a parameter that is not understood, or
            contradicts itself.
    """
    text = text.strip()
    if not text:
        raise DsnError(f"is empty; expected {_EXAMPLES}")
    try:
        dsn = _parse_url(text) if _SCHEME.match(text) else _parse_go(text)
    except DsnError:
        raise
    except AddressError as err:
        raise DsnError(str(err)) from None
    if not dsn.user:
        raise DsnError(f"names no user; expected {_EXAMPLES}")
    if not dsn.database:
        raise DsnError(f"names no database after the slash; expected {_EXAMPLES}")
    if "/" in dsn.database:
        raise DsnError("has a '/' in the name of its database; one in the password must be written as %2F")
    return dsn


def _parse_url(text: str) -> Dsn:
    scheme, _, rest = text.partition("://")
    if scheme not in {"mysql", "mariadb"}:
        raise DsnError("must begin with mysql:// as a URL")
    login, hosts, tail = split_authority(rest)
    host, port = split_host(hosts, DEFAULT_PORT)
    path, _, query = tail.partition("?")
    given = read_parameters(query, _URL_KNOWN, words=_WORDS)
    user, password = split_login(login)
    tls, authority = _tls(given)
    socket = given.get("unix_socket", "")
    if socket and not socket.startswith("/"):
        raise DsnError("has the parameter unix_socket, which must be the absolute path of the server's socket file")
    return Dsn(
        host="" if socket else host or "localhost",
        port=port or DEFAULT_PORT,
        unix_socket=socket,
        user=user,
        password=password,
        database=decoded(path.removeprefix("/")),
        tls=tls,
        tls_ca=authority,
    )


def _parse_go(text: str) -> Dsn:
    match = _GO_FORM.match(text)
    if match is None:
        raise DsnError(f"must be {_EXAMPLES}; it is in neither known form")
    # The driver this form belongs to looks for exactly this spelling, so it is asked for before names are judged.
    if not re.search(r"(?:^|&)parseTime=(?:true|TRUE|True|1)(?:&|$)", match["query"] or ""):
        raise DsnError("must contain parseTime=true")
    given = read_parameters(match["query"] or "", _GO_KNOWN, words=_WORDS)
    host, port, socket = _go_address(match["net"] or "tcp", match["address"] or "")
    tls, authority = _tls(given)
    return Dsn(
        host=host,
        port=port,
        unix_socket=socket,
        user=match["user"] or "",
        password=match["password"] or "",
        database=decoded(match["database"]),
        tls=tls,
        tls_ca=authority,
    )


def _go_address(net: str, address: str) -> tuple[str, int, str]:
    """Return host, port and socket path."""
    if net == "unix":
        if not address.startswith("/"):
            raise DsnError("needs the absolute path of the server's socket file in unix(…)")
        return "", DEFAULT_PORT, address
    if net != "tcp":
        raise DsnError("has an unknown network before the '('; use tcp(host:port) or unix(/path)")
    bracketed = re.fullmatch(r"\[(?P<host>[0-9A-Fa-f:.]+)\](?::(?P<port>.*))?", address)
    if bracketed:
        return bracketed["host"], read_port(bracketed["port"], DEFAULT_PORT), ""
    host, _, port = address.partition(":")
    if host and not is_host_name(host):
        raise DsnError("has a malformed host in tcp(…)")
    return host or "127.0.0.1", read_port(port, DEFAULT_PORT), ""


def _tls(given: dict[str, str]) -> tuple[TlsMode, str]:
    """Return the mode and the authority file the parameters ask for."""
    word = _only_one(given, _MODE)
    authority = _only_one(given, _AUTHORITY)
    if not word:
        return (TlsMode.VERIFY if authority else TlsMode.OFF), authority
    mode = _TLS_WORDS.get(word.lower())
    if mode is None:
        raise DsnError(f"must name a known mode: {_shown(given, _MODE)} is unknown; {_TLS_FIX}")
    if authority and mode in {TlsMode.OFF, TlsMode.ENCRYPT}:
        raise DsnError(f"names an authority, which {_shown(given, _MODE)} would not ask; drop it or use tls=true")
    return mode, authority


_TLS_FIX = "use tls=true, tls=skip-verify or tls=false, and tls-ca=/path for an own authority"


def _only_one(given: dict[str, str], names: tuple[str, ...]) -> str:
    """Return the value of whichever of the names is given, empty for none."""
    found = [name for name in names if name in given]
    if len(found) > 1:
        raise DsnError(f"has both {found[0]} and {found[1]}, which mean the same; keep one")
    return given[found[0]] if found else ""


def _shown(given: dict[str, str], names: tuple[str, ...]) -> str:
    name = next(each for each in names if each in given)
    value = given[name]
    return f"{name}={value}" if value.replace("-", "").replace("_", "").isalnum() and len(value) <= 20 else name
