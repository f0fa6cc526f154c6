"""The way in: from a command line value and the environment to `Settings`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from unkey_api.settings.environment import variable_problems
from unkey_api.settings.problems import ConfigError, Problem
from unkey_api.settings.reading import Reader, environment_name, key_paths
from unkey_api.settings.sections import Settings
from unkey_api.settings.source import read_source

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
