"""URLs of services reached over HTTP, and where traces go, as the standard `OTEL_EXPORTER_OTLP_*` variables say.

Those for traces (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) win over those for all signals (`OTEL_EXPORTER_OTLP_ENDPOINT`).
Understood are ENDPOINT, PROTOCOL, HEADERS, TIMEOUT (milliseconds), COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE and
CLIENT_KEY. They are read here and handed to the SDK's exporter, which takes a time-out for seconds and what it cannot
read for the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote

from unkey_api.settings.addresses.parameters import (
    AddressError,
    MalformedHost,
    read_parameters,
    split_authority,
    split_host,
)
from unkey_api.settings.source import Problem

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


SHARED = "OTEL_EXPORTER_OTLP_"
OWN = "OTEL_EXPORTER_OTLP_TRACES_"
DEFAULT_ENDPOINT = "http://localhost:4318"
TRACES_PATH = "/v1/traces"
PROTOCOL = "http/protobuf"
DEFAULT_SECONDS = 10.0
TIMEOUT_MS_MAX = 600_000

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Where spans go."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = DEFAULT_SECONDS
    """For one batch, however often it is tried."""
    certificate: str = ""
    """File with the authorities to trust; empty for the system's."""
    client_certificate: str = ""
    """File with the certificate to show; empty to show none."""
    client_key: str = ""
    """File with its key; empty when it is in the same file."""
    compressed: bool = False

    @property
    def files(self) -> Mapping[str, str]:
        """The files it needs, by the end of the variable that names them."""
        named = (
            ("CERTIFICATE", self.certificate),
            ("CLIENT_CERTIFICATE", self.client_certificate),
            ("CLIENT_KEY", self.client_key),
        )
        return {name: file for name, file in named if file}


class CollectorError(AddressError):
    """Variables cannot be used. `problems` names each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def collector_of(environ: Mapping[str, str]) -> Collector:
    """Read the variables.

    Raises:
        CollectorError: One or more of them cannot be used.
    """
    reading = _Reading(environ)
    collector = Collector(
        url=reading.value("ENDPOINT", _endpoint, DEFAULT_ENDPOINT + TRACES_PATH),
        headers=reading.value("HEADERS", _headers, {}),
        seconds=reading.value("TIMEOUT", _seconds, DEFAULT_SECONDS),
        certificate=reading.value("CERTIFICATE", _file, ""),
        client_certificate=reading.value("CLIENT_CERTIFICATE", _file, ""),
        client_key=reading.value("CLIENT_KEY", _file, ""),
        compressed=reading.value("COMPRESSION", _compressed, otherwise=False),
    )
    reading.value("PROTOCOL", _protocol, PROTOCOL)
    if collector.client_key and not collector.client_certificate:
        reading.problems.append(Problem(variable_of("CLIENT_KEY", environ), "needs CLIENT_CERTIFICATE beside it"))
    if reading.problems:
        raise CollectorError(tuple(reading.problems))
    return collector


def variable_of(name: str, environ: Mapping[str, str]) -> str:
    """Return the variable whose value counts, for instance of `CERTIFICATE`."""
    return next((prefix + name for prefix in (OWN, SHARED) if environ.get(prefix + name, "").strip()), SHARED + name)


def read_pairs(text: str) -> Mapping[str, str]:
    """Read `name=value` pairs separated by commas, percent-encoded, as headers and resource attributes are written.

    Raises:
        AddressError: It is something else, or has control characters in it.
    """
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(equals and name.strip() for name, equals, _ in pairs):
        raise AddressError("must be pairs like name=value, separated by commas")
    read = {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
    if not all((name + value).isprintable() for name, value in read.items()):
        raise AddressError("has a control character in it")
    return read


class _Reading:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environ = environ

    def value(self, name: str, read: Callable[[str, bool], Read], otherwise: Read) -> Read:
        """Read one variable; `read` is told whether it is the one for traces alone."""
        for prefix in (OWN, SHARED):
            text = self._environ.get(prefix + name, "").strip()
            if text:
                try:
                    return read(text, prefix == OWN)
                except AddressError as err:
                    self.problems.append(Problem(prefix + name, str(err)))
                    return otherwise
        return otherwise


def _endpoint(url: str, own: bool) -> str:  # noqa: FBT001 - called in one place
    """One for traces is used as it is, one for all signals is what their paths are put behind."""
    read_http_url(url, parameters=own)
    return url if own else url.rstrip("/") + TRACES_PATH


def _protocol(text: str, _own: bool) -> str:  # noqa: FBT001 - called in one place
    if text != PROTOCOL:
        raise AddressError(f"must be {PROTOCOL}; put an OpenTelemetry Collector in front of what takes nothing else")
    return text


def _headers(text: str, _own: bool) -> Mapping[str, str]:  # noqa: FBT001 - the same
    headers = read_pairs(text)
    if not all((name + value).isascii() for name, value in headers.items()):
        raise AddressError("must be ASCII text")
    return headers


def _file(text: str, _own: bool) -> str:  # noqa: FBT001 - the same
    return text


def _seconds(text: str, _own: bool) -> float:  # noqa: FBT001 - the same
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= TIMEOUT_MS_MAX:
        raise AddressError(f"must be a number of milliseconds from 1 to {TIMEOUT_MS_MAX}")
    return int(text) / 1_000


def _compressed(text: str, _own: bool) -> bool:  # noqa: FBT001 - the same
    if text not in {"gzip", "none"}:
        raise AddressError("must be gzip or none")
    return text == "gzip"
