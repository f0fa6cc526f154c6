"""Rules that concern more than one field of a section."""

from __future__ import annotations

from collections.abc import Iterator

from unkey_api.settings.auth import WORKOS, JwtAuth, RootKeyAuth
from unkey_api.settings.problems import Problem
from unkey_api.settings.sections import PORT_MAX, Settings, TlsSettings
from unkey_api.settings.stores import DatabaseSettings


def rules_broken(section: object, prefix: str) -> Iterator[Problem]:
    """Yield what a section breaks whose single fields are of the right type. `prefix` ends with a dot."""
    match section:
        case JwtAuth():
            yield from _jwt(section, prefix)
        case RootKeyAuth(enabled=False):
            yield Problem(f"{prefix}enabled", "must be true when present; leave the entry out to refuse root keys")
        case TlsSettings(cert_file=cert_file, key_file=key_file) if bool(cert_file) != bool(key_file):
            yield Problem("tls", "is incomplete: both tls.cert_file and tls.key_file must be provided")
        case Settings():
            yield from _ports(section)
        case DatabaseSettings(max_open=most, max_idle=idle) if idle > most:
            yield Problem(f"{prefix}max_idle", "must not exceed max_open")
        case _:
            return


def _ports(settings: Settings) -> Iterator[Problem]:
    """Every listener of every worker needs a port of its own; HTTP/1.1 and HTTP/2 are shared by the workers."""
    if settings.http_port == settings.http2_port:
        yield Problem("http2_port", "must differ from http_port")
    metrics = settings.observability.metrics
    if metrics is None or metrics.prometheus_port == 0:
        return
    path, first = "observability.metrics.prometheus_port", metrics.prometheus_port
    last = first + settings.workers - 1
    if last > PORT_MAX:
        yield Problem(path, f"leaves no ports for {settings.workers} workers, which take one after the other")
    for name, port in (("http_port", settings.http_port), ("http2_port", settings.http2_port)):
        if first <= port <= last:
            yield Problem(path, f"must differ from {name}; {settings.workers} workers take {first} to {last}")


def _jwt(entry: JwtAuth, prefix: str) -> Iterator[Problem]:
    if bool(entry.secrets) == bool(entry.jwks_url):
        yield Problem(prefix.rstrip("."), "needs exactly one of secrets or jwks_url")
    if entry.provider == WORKOS and not entry.jwks_url:
        yield Problem(f"{prefix}provider", f"{WORKOS} requires jwks_url")
