"""Rules that concern more than one field of a section."""

from __future__ import annotations

from collections.abc import Iterator

from unkey_api.settings.auth import WORKOS, JwtAuth, RootKeyAuth
from unkey_api.settings.problems import Problem
from unkey_api.settings.sections import Settings, TlsSettings


def rules_broken(section: object, prefix: str) -> Iterator[Problem]:
    """Yield what a section breaks whose single fields are of the right type. `prefix` ends with a dot."""
    match section:
        case JwtAuth():
            yield from _jwt(section, prefix)
        case RootKeyAuth(enabled=False):
            yield Problem(f"{prefix}enabled", "must be true when present; leave the entry out to refuse root keys")
        case TlsSettings(cert_file=cert_file, key_file=key_file) if bool(cert_file) != bool(key_file):
            yield Problem("tls", "is incomplete: both tls.cert_file and tls.key_file must be provided")
        case Settings(http_port=http, http2_port=http2) if http == http2:
            yield Problem("http2_port", "must differ from http_port")
        case _:
            return


def _jwt(entry: JwtAuth, prefix: str) -> Iterator[Problem]:
    if bool(entry.secrets) == bool(entry.jwks_url):
        yield Problem(prefix.rstrip("."), "needs exactly one of secrets or jwks_url")
    if entry.provider == WORKOS and not entry.jwks_url:
        yield Problem(f"{prefix}provider", f"{WORKOS} requires jwks_url")
