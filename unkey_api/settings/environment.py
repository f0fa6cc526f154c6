"""Variables whose names begin like ours: which there are, and which are slips of the pen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from unkey_api.settings.problems import Problem, nearest
from unkey_api.settings.source import CONFIG_VARIABLE

PREFIX = "UNKEY_"
LEVEL_VARIABLE = "UNKEY_LOG_LEVEL"
LEVELS = ("debug", "info", "warn", "warning", "error")
WITHOUT_KEY = (
    CONFIG_VARIABLE,
    LEVEL_VARIABLE,
    "UNKEY_CLICKHOUSE_DRIVER_DEBUG",  # of the original's driver; read by nobody here
    "UNKEY_ROOT_KEY",  # read by clients in the same shell, never by the service
)

_OF_KUBERNETES = re.compile(r"UNKEY_\w+_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_LINK = re.compile(r"(tcp|udp|sctp)://\S+")


def variable_problems(environ: Mapping[str, str], known: Collection[str], referenced: Collection[str]) -> list[Problem]:
    """Return a problem for each variable that is meant for us and that nobody reads.

    Args:
        environ: Environment variables. Empty ones count as not set.
        known: Variables of the keys.
        referenced: Variables the configuration text mentions, which may be called anything.
    """
    everything = (*known, *WITHOUT_KEY)
    return [
        Problem(name, f"is not a known variable; the nearest is {nearest(name, everything)}")
        for name in _unread(environ)
        if name not in everything and name not in referenced
    ] + list(_levels(environ))


def _unread(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and environ[name] and not _set_by_kubernetes(name, environ[name]):
            yield name


def _set_by_kubernetes(name: str, value: str) -> bool:
    """Say whether the variable announces a Service whose name begins with `unkey-`: every pod beside it gets these.

    `UNKEY_API_PORT` alone could be a slip of the pen, so its value must be an address like `tcp://10.0.0.1:7070`.
    """
    return _OF_KUBERNETES.fullmatch(name) is not None or (name.endswith("_PORT") and bool(_LINK.fullmatch(value)))


def _levels(environ: Mapping[str, str]) -> Iterator[Problem]:
    level = environ.get(LEVEL_VARIABLE, "").strip().lower()
    if level and level not in LEVELS:
        yield Problem(LEVEL_VARIABLE, f"must be one of {', '.join(LEVELS)}")
