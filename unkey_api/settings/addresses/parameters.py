"""The part of an address behind the question mark, and what all addresses have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, unquote

from unkey_api.settings.source import nearest

_SHOWN_MAX = 40  # a name is repeated in the message; half a password that follows a bare `?` should not be
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_HOST_MAX = 253
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_YES = frozenset({"true", "1"})
_NO = frozenset({"false", "0"})


class AddressError(ValueError):
    """An address cannot be used. The message follows the name of the setting and quotes no value."""


class MalformedHost(AddressError):
    """What should be a host is neither a name nor an address."""


def read_parameters(query: str, known: Collection[str], *, words: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the parameters by name, each at most once and none without a value.

    Args:
        query: Text behind the question mark, percent-encoded.
        known: Names that are understood; may be empty.
        words: Names other programs use, in lower case, with the known name that means the same.

    Raises:
        AddressError: A parameter is unknown (the nearest known one is named), repeated, empty or malformed.
    """
    found: dict[str, str] = {}
    for name, value in parse_qsl(query.replace(";", "%3B"), keep_blank_values=True):
        if name not in known:
            raise AddressError(_unknown(name, known, words or {}))
        if name in found:
            raise AddressError(f"has the parameter {name} twice")
        if not value:
            raise AddressError(f"has the parameter {name} without a value")
        found[name] = value
    return found


def read_flag(name: str, value: str) -> bool:
    """Return what `true`, `false`, `1` or `0` says, in any letter case. Raises AddressError for anything else."""
    if value.lower() in _YES | _NO:
        return value.lower() in _YES
    raise AddressError(f"has the parameter {name}, which must be true or false")


def read_port(text: str | None, default: int) -> int:
    """Return a port from 1 to 65535, `default` for none. Raises AddressError for anything else."""
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:6]) < 65536:
        raise AddressError("has a malformed port, which must be a number from 1 to 65535")
    return int(text)


def decoded(text: str) -> str:
    """Undo percent-encoding. Raises AddressError where a `%` begins no encoded character."""
    if _STRAY_PERCENT.search(text):
        raise AddressError("has a '%' without two hexadecimal digits behind it; write it as %25")
    return unquote(text)


def split_authority(rest: str, *, may_log_in: bool = True) -> tuple[str, str, str]:
    """Split what follows `://` into login, hosts and everything from the first `/` or `?` on.

    Args:
        rest: Text behind `://`.
        may_log_in: An `@` behind the first `/` or `?` is taken for the end of a cut password.

    Raises:
        AddressError: There is white space, a control character or a `#`, or a `/` or `?` in a password.
    """
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise AddressError("has white space or a control character in it; percent-encode it")
    if "#" in rest:
        raise AddressError("has a '#' in it; write it as %23 if it belongs to the password")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    login, _, hosts = rest[:end].rpartition("@")
    if may_log_in and not login and "@" in rest[end:]:
        raise AddressError("has a '/', '?' or '@' in a part where it must be percent-encoded: %2F, %3F, %40")
    return login, hosts, rest[end:]


def split_login(login: str) -> tuple[str, str]:
    """Return user and password, decoded; both may be empty. Raises AddressError for a stray `%`."""
    user, _, password = login.partition(":")
    return decoded(user), decoded(password)


def split_host(netloc: str, default_port: int | None) -> tuple[str, int | None]:
    """Return host and port of `host`, `host:port`, `[v6]` or `[v6]:port`. The host may be empty.

    Raises:
        AddressError: It is neither a name nor an address, or the port is no number from 1 to 65535.
    """
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(.*))?", netloc)
    host, port = (bracketed[1], bracketed[2]) if bracketed else _host_and_port(netloc)
    if host and not bracketed and not is_host_name(host):
        raise MalformedHost(
            "has a malformed host; special characters in user name and password must be percent-encoded"
        )
    number = read_port(port, 0) or default_port
    return host, number


def is_host_name(host: str) -> bool:
    """Say whether a text could be the name or IPv4 address of a host; Unicode names must be written in punycode."""
    return len(host) <= _HOST_MAX and _HOST.fullmatch(host) is not None


def _host_and_port(netloc: str) -> tuple[str, str | None]:
    host, colon, port = netloc.partition(":")
    if colon and not port:
        raise AddressError("has a ':' without a port behind it")
    return host, port or None


def _unknown(name: str, known: Collection[str], words: Mapping[str, str]) -> str:
    shown = f" {name}" if len(name) <= _SHOWN_MAX and _NAME.fullmatch(name) else ""
    if not known:
        return f"has the parameter{shown}, but takes none"
    return f"has the unknown parameter{shown}; the nearest known one is {nearest(name, known, words=words)}"
