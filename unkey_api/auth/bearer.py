"""The Authorization header."""

from __future__ import annotations

from unkey_api.auth.errors import CredentialMalformed, CredentialMissing

PREFIX = "Bearer "


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, without the blanks around it.

    Raises:
        CredentialMissing: The header holds nothing but blanks.
        CredentialMalformed: It does not start with `Bearer ` in exactly this spelling, or no token follows.
    """
    header = authorization.strip()
    if not header:
        raise CredentialMissing
    if not header.startswith(PREFIX):
        raise CredentialMalformed("Your authorization header is missing the 'Bearer ' prefix.")
    return header[len(PREFIX) :].lstrip()
