"""What only shows when the things that settings point to are looked at: files, and variables of others.

Nothing is connected to. `serve` looks at everything before it starts, a command that only needs the databases at those.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from unkey_api.infra.mysql import TlsMode, parse_dsn, tls_context
from unkey_api.settings.addresses.collector import CollectorError, certificate_variable, collector_of
from unkey_api.settings.addresses.parameters import AddressError
from unkey_api.settings.addresses.redis import parse_redis_url
from unkey_api.settings.load import Inspect
from unkey_api.settings.problems import Problem
from unkey_api.settings.sections import Settings, TlsSettings


def of_serving(environ: Mapping[str, str]) -> Inspect:
    """Return what finds the problems `serve` would die of."""

    def inspect(settings: Settings) -> Iterator[Problem]:
        yield from of_databases(settings)
        yield from _redis(settings)
        if settings.tls is not None:
            yield from _tls(settings.tls)
        if settings.observability.tracing is not None:
            yield from _collector(environ)

    return inspect


def of_databases(settings: Settings) -> Iterator[Problem]:
    """Find the problems commands would die of that work on the database alone."""
    for name in ("primary", "readonly_replica"):
        text = getattr(settings.database, name).reveal()
        try:
            dsn = parse_dsn(text) if text else None
        except AddressError:
            continue  # reported with the key itself
        if dsn is not None and dsn.tls is not TlsMode.OFF:
            try:
                tls_context(dsn)
            except (OSError, ValueError) as err:
                yield Problem(f"database.{name}", f"names a file with authorities that {_unusable(err)}")


def _redis(settings: Settings) -> Iterator[Problem]:
    from unkey_api.infra.redis.reconnecting import redis_tls_context  # noqa: PLC0415 - commands on the database do without

    try:
        redis_tls_context(parse_redis_url(settings.redis_url.reveal()))
    except AddressError:
        return  # the same
    except (OSError, ValueError) as err:
        yield Problem("redis_url", f"names a certificate, key or authority file that {_unusable(err)}")


def _tls(tls: TlsSettings) -> Iterator[Problem]:
    """Read both files as the listeners will. An encrypted key must not make anybody wait for a password."""
    readable = True
    for name, file in (("tls.cert_file", tls.cert_file), ("tls.key_file", tls.key_file)):
        try:
            Path(file).read_bytes()
        except (OSError, ValueError) as err:
            readable = False
            yield Problem(name, _unusable(err))
    if not readable:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
    except _EncryptedKey:
        yield Problem("tls.key_file", "is encrypted; only keys without a password can be used")
    except ssl.SSLError as err:
        mismatch = "KEY_VALUES_MISMATCH" in (err.reason or "")
        yield Problem("tls", "has a key_file that is not the key of cert_file" if mismatch else _not_pem(err))
    except (OSError, ValueError) as err:
        yield Problem("tls", f"has files that {_unusable(err)}")


def _collector(environ: Mapping[str, str]) -> Iterator[Problem]:
    try:
        collector = collector_of(environ)
    except CollectorError as err:
        yield from err.problems
        return
    if collector.certificate:
        try:
            ssl.create_default_context(cafile=collector.certificate)
        except (OSError, ValueError) as err:
            yield Problem(certificate_variable(environ), _unusable(err))


class _EncryptedKey(Exception):
    """The key wants a password."""


def _no_password() -> str:
    raise _EncryptedKey


def _unusable(err: Exception) -> str:
    """Say why a file is no good, phrased to follow its name."""
    if isinstance(err, ssl.SSLError):
        return "holds no certificate in PEM"
    reason = err.strerror if isinstance(err, OSError) and err.strerror else "its name is malformed"
    return f"cannot be read: {reason}"


def _not_pem(err: ssl.SSLError) -> str:
    reason = (err.reason or "unknown").replace("_", " ").lower()
    return f"has files that are no certificate chain and key in PEM ({reason})"
