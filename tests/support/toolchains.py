"""Node and Go clients, installed and generated when a test first wants them.

What is fetched is pinned by lock files and kept in ignored folders, so only the first run on a machine pays for it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.foreign import CLIENTS, PROTO, ROOT, ProgramFailed, alone_with, require_program, run_program

NODE = CLIENTS / "node"
GO = CLIENTS / "go"
INSTALL_SECONDS = 300.0
IMPATIENT = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")
UNREACHABLE = {
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT",
    "ETIMEDOUT",
}
"""What npm says when it gets no answer, as against one it does not like."""


def generate(plugins: list[dict[str, object]]) -> None:
    """Generate code from our protos and what they import, with these buf plugins."""
    template = {
        "version": "v2",
        "managed": {"enabled": True, "override": [{"file_option": "go_package_prefix", "value": "unkeyclients/gen"}]},
        "plugins": [{"include_imports": True, **plugin} for plugin in plugins],
    }
    command = [require_program("buf"), "generate", "proto", "--path", "proto/unkey", "--template", json.dumps(template)]
    run_program(command)


def unchanged(stamp: Path, *sources: Path) -> bool:
    """Whether the sources are those of the last `keep`."""
    return stamp.exists() and stamp.read_text() == _fingerprint(sources)


def keep(stamp: Path, *sources: Path) -> None:
    """Remember the sources."""
    stamp.write_text(_fingerprint(sources))


def _fingerprint(sources: tuple[Path, ...]) -> str:
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def protos() -> list[Path]:
    """Return what code is generated from."""
    return sorted(PROTO.glob("unkey/**/*.proto"))


@pytest.fixture(scope="session")
def node_clients(third_party_protos: Path) -> Path:
    """The folder of the Node clients, packages installed and code generated.

    Skips where there is no Node that will do, or no registry to take packages from.
    """
    _require_node()
    with alone_with(NODE):
        _prepare_node()
    return NODE


def _prepare_node() -> None:
    lock, stamp = NODE / "package-lock.json", NODE / "node_modules" / ".installed"
    if not unchanged(stamp, lock):
        _install_packages()
        keep(stamp, lock)
    generated = NODE / "gen" / ".generated"
    if not unchanged(generated, lock, *protos()):
        shutil.rmtree(NODE / "gen", ignore_errors=True)
        plugin = NODE / "node_modules" / ".bin" / "protoc-gen-es"
        out = str((NODE / "gen").relative_to(ROOT))
        generate([{"local": str(plugin), "out": out, "opt": ["target=js", "import_extension=js"]}])
        keep(generated, lock, *protos())


def _require_node() -> None:
    oldest = int(json.loads((NODE / "package.json").read_text())["engines"]["node"].removeprefix(">="))
    version = run_program([require_program("node"), "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < oldest:
        pytest.skip(f"Node is {version}, the clients want {oldest} or newer; `make install` gets one")


def _install_packages() -> None:
    command = [require_program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", *IMPATIENT]
    try:
        run_program(command, folder=NODE, seconds=INSTALL_SECONDS)
    except ProgramFailed as failure:
        code = re.search(r"^npm (?:error|ERR!) code (\w+)", failure.stderr, re.MULTILINE)
        if code is None or code[1] not in UNREACHABLE:
            raise
        pytest.skip(f"no npm registry can be reached to take the clients from ({code[1]})")


@pytest.fixture(scope="session")
def go_client(third_party_protos: Path) -> Path:
    """The compiled Go client; skips where there is no Go."""
    go = require_program("go")
    with alone_with(GO):
        return _built_go(go)


def _built_go(go: str) -> Path:
    tools = GO / "gen" / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    stamp = tools / ".installed"
    if not unchanged(stamp, GO / "go.sum"):
        run_program([go, "install", "tool"], folder=GO, environment={"GOBIN": str(tools)}, seconds=INSTALL_SECONDS)
        keep(stamp, GO / "go.sum")
    program, built = tools / "client", tools / ".built"
    sources = [GO / "go.sum", *sorted(GO.glob("*.go")), *protos()]
    if not unchanged(built, *sources):
        _generate_go(tools)
        run_program([go, "build", "-mod=readonly", "-o", str(program), "."], folder=GO, seconds=INSTALL_SECONDS)
        keep(built, *sources)
    return program


def _generate_go(tools: Path) -> None:
    shutil.rmtree(GO / "gen" / "unkey", ignore_errors=True)
    out = str((GO / "gen").relative_to(ROOT))
    plugins = [str(tools / name) for name in ("protoc-gen-go", "protoc-gen-connect-go")]
    generate([{"local": plugin, "out": out, "opt": ["module=unkeyclients/gen"]} for plugin in plugins])
