"""Redis URLs.

    redis://user:password@host:6379/0            in clear; everything but the host may be left out
    rediss://user:password@host:6379/0           over TLS, the certificate verified for this host

Parameters:

    db                   number of the database, instead of the path
    ssl_ca_certs         PEM file or directory with the authorities to trust instead of the system's
    ssl_certfile, ssl_keyfile   PEM files we identify ourselves with; both or neither
    ssl_check_hostname   `false` accepts a certificate for any host name
    ssl_cert_reqs        `required` (default), or `none` to encrypt without verifying anything

The `ssl_` parameters belong to `rediss://` alone.
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

DEFAULT_PORT = 6379
DATABASES = 65_536  # none has more, and most have 16
_SSL = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs")
_KNOWN = ("db", *_SSL)
_WORDS = {
    "ssl": "rediss:// in place of redis://",
    "tls": "rediss:// in place of redis://",
    "sslmode": "rediss:// in place of redis://",
    "database": "db",
    "cacert": "ssl_ca_certs",
    "insecure": "ssl_cert_reqs",
    "skip_verify": "ssl_cert_reqs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisTls:
    """How much TLS, and with which files."""

    ca_certs: str = ""
    """PEM file or directory; empty trusts the system's authorities."""
    cert_file: str = ""
    key_file: str = ""
    check_hostname: bool = True
    verify: bool = True
    """False encrypts only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """Where a Redis is and who we are there."""

    host: str
    port: int = DEFAULT_PORT
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: RedisTls | None = None
    """None connects in clear."""


def parse_redis_url(url: str) -> RedisAddress:
    """Read a Redis URL.

    Raises:
        AddressError: It is no Redis URL, has a parameter that is not understood, or contradicts itself.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in {"redis", "rediss"}:
        raise AddressError("must be a redis:// or rediss:// URL")
    login, hosts, tail = split_authority(rest)
    if "," in hosts:
        raise AddressError("must name one host; several, as of a cluster, are not supported")
    host, port = split_host(hosts, DEFAULT_PORT)
    if not host:
        raise AddressError("must be a redis:// or rediss:// URL")
    path, _, query = tail.partition("?")
    given = read_parameters(query, _KNOWN, words=_WORDS)
    user, password = split_login(login)
    return RedisAddress(
        host=host,
        port=port or DEFAULT_PORT,
        user=user,
        password=password,
        database=_database(decoded(path), given.get("db")),
        tls=_tls(scheme, given),
    )


def _database(path: str, parameter: str | None) -> int:
    named = path.removeprefix("/").removesuffix("/")
    if named and parameter is not None and named != parameter:
        raise AddressError("names one database in its path and another in the parameter db")
    text = parameter or named or "0"
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or int(text) >= DATABASES:
        raise AddressError("must end in the number of a database, as in redis://host:6379/0")
    return int(text)


def _tls(scheme: str, given: dict[str, str]) -> RedisTls | None:
    if scheme == "redis":
        for name in _SSL:
            if name in given:
                raise AddressError(f"has the parameter {name}, which needs rediss:// in place of redis://")
        return None
    reqs = given.get("ssl_cert_reqs", "required").lower()
    if reqs not in {"required", "none"}:
        raise AddressError("has the parameter ssl_cert_reqs, which must be required or none")
    if ("ssl_certfile" in given) != ("ssl_keyfile" in given):
        raise AddressError("needs both of the parameters ssl_certfile and ssl_keyfile, or neither")
    if reqs == "none" and "ssl_ca_certs" in given:
        raise AddressError("has ssl_ca_certs, which ssl_cert_reqs=none would ignore; drop one of them")
    verify = reqs == "required"
    return RedisTls(
        ca_certs=given.get("ssl_ca_certs", ""),
        cert_file=given.get("ssl_certfile", ""),
        key_file=given.get("ssl_keyfile", ""),
        check_hostname=verify and read_flag("ssl_check_hostname", given.get("ssl_check_hostname", "true")),
        verify=verify,
    )
