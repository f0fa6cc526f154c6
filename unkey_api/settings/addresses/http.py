"""URLs of services reached over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.settings.addresses.parameters import (
    AddressError,
    MalformedHost,
    read_parameters,
    split_authority,
    split_host,
)

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An absolute URL in its parts."""

    scheme: str
    host: str
    port: int
    path: str
    """From the first slash on, empty when there is none."""
    query: str | None
    """None without a question mark."""


def read_http_url(url: str, *, parameters: bool = False) -> HttpUrl:
    """Read an absolute http or https URL without a login.

    Args:
        url: Not empty.
        parameters: Let the query be; otherwise there may be none, since nobody would read it.

    Raises:
        AddressError: It is another kind of URL or malformed, or has parameters nobody reads.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in _PORTS:
        raise AddressError("must be an absolute http or https URL")
    login, hosts, tail = split_authority(rest, may_log_in=False)
    if login:
        raise AddressError("must not have a user name or password in it")
    try:
        host, port = split_host(hosts, _PORTS[scheme.lower()])
    except MalformedHost:
        host, port = "", None
    if not host or port is None:
        raise AddressError("must be an absolute http or https URL")
    path, question, query = tail.partition("?")
    if question and not parameters:
        read_parameters(query, ())
    return HttpUrl(scheme.lower(), host, port, path, query if question else None)
