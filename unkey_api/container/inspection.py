"""What only shows when the things that settings point to are looked at: files, and variables of others.

Nothing is connected to. `serve` looks at everything before it starts, a command that only needs the databases at those.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from unkey_api.infra.mysql import TlsMode, parse_dsn, tls_context
from unkey_api.settings.addresses.http import Collector, variable_of
from unkey_api.settings.addresses.parameters import AddressError
from unkey_api.settings.addresses.redis import parse_redis_url
from unkey_api.settings.load import Inspect
from unkey_api.settings.opentelemetry import PROPAGATORS, OpenTelemetryError, opentelemetry_of
from unkey_api.settings.sections import Settings, TlsSettings, TracingSettings
from unkey_api.settings.source import Problem


def of_serving(environ: Mapping[str, str]) -> Inspect:
    """Return what finds the problems `serve` would die of."""

    def inspect(settings: Settings) -> Iterator[Problem]:
        yield from of_databases(settings)
        yield from _redis(settings)
        if settings.tls is not None:
            yield from _tls(settings.tls)
        yield from _tracing(settings.observability.tracing, environ)

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


def _tracing(tracing: TracingSettings | None, environ: Mapping[str, str]) -> Iterator[Problem]:
    try:
        traced = opentelemetry_of(tracing, environ)
    except OpenTelemetryError as err:
        yield from err.problems
        return
    if traced is None:
        return
    from unkey_api.infra.telemetry.sampling import UnknownPropagator, load_propagators  # noqa: PLC0415 - see there

    try:
        load_propagators(traced.propagators)
    except UnknownPropagator as err:
        package = f"opentelemetry-propagator-{err}".removesuffix("multi")
        yield Problem(PROPAGATORS, f"names {err}, which is not installed; {package} may bring it")
    yield from _collector(traced.collector, environ)


def _collector(collector: Collector, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Read the files as the exporter will, with every batch."""
    trust = ssl.create_default_context()
    readable = True
    for name, file in collector.files.items():
        try:
            if name == "CERTIFICATE":
                trust.load_verify_locations(cafile=file)
            else:
                Path(file).read_bytes()
        except (OSError, ValueError) as err:
            readable = False
            yield Problem(variable_of(name, environ), _unusable(err))
    if collector.client_certificate and readable:
        try:
            trust.load_cert_chain(collector.client_certificate, collector.client_key or None, password=_no_password)
        except _EncryptedKey:
            yield Problem(variable_of("CLIENT_KEY", environ), "is encrypted; only keys without a password can be used")
        except (OSError, ValueError):
            yield Problem(variable_of("CLIENT_CERTIFICATE", environ), "is no certificate chain in PEM with its key")


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
