"""The `[[auth]]` entries: which credentials are accepted, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from unkey_api.core.secret import Secret
from unkey_api.settings.about import about
from unkey_api.settings.checks import check_https_url

SECRET_BYTES_MIN = 32  # a shorter HMAC key is weaker than SHA-256 itself
WORKOS = "workos"


def check_jwt_secret(secret: Secret) -> str | None:
    """Accept secrets of at least 32 bytes of UTF-8."""
    long_enough = len(secret.reveal().encode()) >= SECRET_BYTES_MIN
    return None if long_enough else f"must be at least {SECRET_BYTES_MIN} bytes"


def check_provider(provider: str) -> str | None:
    """Accept the providers whose permissions we can translate, and none."""
    return None if provider in {"", WORKOS} else f"must be empty or {WORKOS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtAuth:
    """Accept JSON Web Tokens of one issuer."""

    TYPE: ClassVar[str] = "jwt"

    issuer: str = field(metadata=about("Issuer the tokens must name.", required=True))
    audience: str = field(default="", metadata=about("Audience the tokens must name; empty accepts any."))
    secrets: tuple[Secret, ...] = field(
        default=(),
        metadata=about(
            "HS256 secrets, each at least 32 bytes; exactly one of this and `jwks_url`.", check=check_jwt_secret
        ),
    )
    jwks_url: str = field(
        default="", metadata=about("HTTPS address of the issuer's key set (RS256).", check=check_https_url)
    )
    provider: str = field(
        default="",
        metadata=about("`workos` translates that provider's permissions; it needs `jwks_url`.", check=check_provider),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSessionAuth:
    """Accept portal sessions on the operations of the portal."""

    TYPE: ClassVar[str] = "portal_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyAuth:
    """Accept root keys."""

    TYPE: ClassVar[str] = "root_key"

    enabled: bool = field(default=True, metadata=about("May be written for clarity, but only as `true`."))


AuthEntry: TypeAlias = JwtAuth | PortalSessionAuth | RootKeyAuth
AUTH_TYPES: Mapping[str, type[AuthEntry]] = {kind.TYPE: kind for kind in (JwtAuth, PortalSessionAuth, RootKeyAuth)}
