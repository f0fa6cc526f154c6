"""The way in: from a command line value and the environment to `Settings`.

Variables whose names begin like ours and that nobody reads are slips of the pen, and reported as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from unkey_api.settings.reading import Reader, environment_name, key_paths
from unkey_api.settings.sections import Settings
from unkey_api.settings.source import CONFIG_VARIABLE, ConfigError, Problem, nearest, read_source

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


Inspect = Callable[[Settings], Iterable[Problem]]
"""Looks at what settings point to: files that must be there, programs that must be found."""


def load_settings(source: str | None, environ: Mapping[str, str], *, inspect: Inspect | None = None) -> Settings:
    """Read the configuration, environment variables over file over defaults.

    Args:
        source: Value of `--config`: a file path, TOML text, or None for `UNKEY_CONFIG` and then `unkey.toml`.
        environ: Environment variables. An empty one counts as not set.
        inspect: Finds further problems in settings that could be read; None looks at nothing outside of them.

    Raises:
        ConfigError: Anything is wrong; every problem is listed.
    """
    found = read_source(source, environ)
    reader = Reader(Settings, environ)
    settings = reader.section(Settings, found.tree)
    variables = {environment_name(path) for path in key_paths(Settings)}
    problems = {problem.path: problem for problem in reader.problems}
    # A reference that could not be filled in is the cause of whatever else is wrong with its key.
    problems |= {problem.path: problem for problem in found.problems}
    problems |= {problem.path: problem for problem in variable_problems(environ, variables, found.referenced)}
    if settings is not None:
        settings = _without_idle_sections(settings)
        for problem in inspect(settings) if inspect is not None else ():
            problems.setdefault(problem.path, problem)
    if settings is None or problems:
        raise ConfigError(found.label, tuple(sorted(problems.values(), key=_place)))
    return settings


def _place(problem: Problem) -> str:
    return problem.path


def _without_idle_sections(settings: Settings) -> Settings:
    """Drop sections that are written down but leave empty what would switch them on.

    Deployments fill sections from variables that may be undefined, so `url = "${VAULT_URL}"` must mean "no vault".
    """
    vault, github, pprof = settings.vault, settings.github, settings.pprof
    tls, clickhouse = settings.tls, settings.clickhouse
    return replace(
        settings,
        vault=vault if vault and vault.url else None,
        github=github if github and github.app_id and github.private_key_pem else None,
        pprof=pprof if pprof and pprof.username and pprof.password else None,
        tls=tls if tls and tls.cert_file else None,
        clickhouse=clickhouse if clickhouse and (clickhouse.url or clickhouse.analytics_url) else None,
    )
