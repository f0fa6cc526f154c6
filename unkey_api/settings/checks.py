"""Rules about single values that limits alone cannot express. Each returns None or what is wrong, without the value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from unkey_api.core.secret import Secret
from unkey_api.settings.durations import format_duration

GOSSIP_KEY_BYTES = frozenset({16, 24, 32})


def lasting(shortest: timedelta, longest: timedelta) -> Callable[[timedelta], str | None]:
    """Return a rule that accepts durations between two, both included."""

    def check(duration: timedelta) -> str | None:
        if shortest <= duration <= longest:
            return None
        return f"must be between {format_duration(shortest)} and {format_duration(longest)}"

    return check


def check_dsn(dsn: Secret) -> str | None:
    """Accept `user:password@tcp(host:port)/name?parseTime=true` and `mysql://…`; the details are read when opening."""
    text = dsn.reveal()
    if not text or text.startswith("mysql://"):
        return None
    if "/" not in text or "://" in text:
        return "must be user:password@tcp(host:port)/name?parseTime=true or mysql://user:password@host:port/name"
    if "parseTime=true" not in text.replace("?", "&").split("&")[1:]:
        return "must contain parseTime=true"
    return None


def check_redis_url(url: Secret) -> str | None:
    """Accept redis:// and rediss:// with a host."""
    parts = _split(url.reveal())
    if parts is None or parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        return "must be a redis:// or rediss:// URL"
    return None


def check_http_url(url: str) -> str | None:
    """Accept empty text and absolute http and https URLs."""
    parts = _split(url)
    if url and (parts is None or parts.scheme not in {"http", "https"} or not parts.hostname):
        return "must be an absolute http or https URL"
    return None


def check_https_url(url: str) -> str | None:
    """Accept empty text and absolute https URLs."""
    parts = _split(url)
    if url and (parts is None or parts.scheme != "https" or not parts.hostname):
        return "must be an absolute https URL"
    return None


def check_origin(url: str) -> str | None:
    """Accept absolute http and https URLs that end behind the host: not even a `/`, an empty `?` or `#` may follow."""
    problem = check_http_url(url)
    if problem is not None:
        return problem
    if any(mark in url.partition("://")[2] for mark in "/?#"):
        return "must not have a path, query or fragment"
    return None


def check_no_surrounding_space(secret: Secret) -> str | None:
    """Accept text that does not begin or end with white space."""
    text = secret.reveal()
    return None if text == text.strip() else "must not begin or end with white space"


def check_gossip_key(secret: Secret) -> str | None:
    """Accept base64 of 16, 24 or 32 bytes."""
    try:
        key = base64.b64decode(secret.reveal(), validate=True)
    except (binascii.Error, ValueError):
        return "must be base64"
    return None if len(key) in GOSSIP_KEY_BYTES else "must be base64 of 16, 24 or 32 bytes"


def check_agent(agent: str) -> str | None:
    """Accept the two ways to come by a gossip agent."""
    return None if agent in {"supervised", "external"} else "must be supervised or external"


def check_profile(profile: str) -> str | None:
    """Accept the timings a gossip agent knows."""
    return None if profile in {"lan", "wan", "local"} else "must be lan, wan or local"


def check_host_port(address: str) -> str | None:
    """Accept a host and a port, an IPv6 host in brackets."""
    parts = _split(f"//{address}")
    try:
        complete = parts is not None and parts.hostname and parts.port
    except ValueError:
        complete = False
    return None if complete and parts is not None and parts.netloc == address else "must be host:port"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
