"""Where traces go, as the standard `OTEL_EXPORTER_OTLP_*` variables say.

Those for traces (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) win over those for all signals (`OTEL_EXPORTER_OTLP_ENDPOINT`).
Understood are ENDPOINT, HEADERS, TIMEOUT (milliseconds), CERTIFICATE and COMPRESSION.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote

from unkey_api.settings.addresses.http import read_http_url
from unkey_api.settings.addresses.parameters import AddressError
from unkey_api.settings.problems import Problem

SHARED = "OTEL_EXPORTER_OTLP_"
OWN = "OTEL_EXPORTER_OTLP_TRACES_"
DEFAULT_ENDPOINT = "http://localhost:4318"
TRACES_PATH = "/v1/traces"
DEFAULT_SECONDS = 10.0
TIMEOUT_MS_MAX = 600_000

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Where spans go."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = DEFAULT_SECONDS
    """For one batch."""
    certificate: str = ""
    """File with the authorities to trust; empty for the system's."""
    compressed: bool = False


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
        certificate=reading.value("CERTIFICATE", lambda text, _: text, ""),
        compressed=reading.value("COMPRESSION", _compressed, otherwise=False),
    )
    if reading.problems:
        raise CollectorError(tuple(reading.problems))
    return collector


def certificate_variable(environ: Mapping[str, str]) -> str:
    """Return the name of the variable that names the certificate file."""
    return f"{OWN}CERTIFICATE" if environ.get(f"{OWN}CERTIFICATE") else f"{SHARED}CERTIFICATE"


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


def _headers(text: str, _own: bool) -> Mapping[str, str]:  # noqa: FBT001 - the same
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(equals and name.strip() for name, equals, _ in pairs):
        raise AddressError("must be pairs like name=value, separated by commas")
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}


def _seconds(text: str, _own: bool) -> float:  # noqa: FBT001 - the same
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= TIMEOUT_MS_MAX:
        raise AddressError(f"must be a number of milliseconds from 1 to {TIMEOUT_MS_MAX}")
    return int(text) / 1_000


def _compressed(text: str, _own: bool) -> bool:  # noqa: FBT001 - the same
    if text not in {"gzip", "none"}:
        raise AddressError("must be gzip or none")
    return text == "gzip"
