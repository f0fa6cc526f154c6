"""The house rules that a program can check. CONTRIBUTING.md lists them with the others."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("unkey_api", "tools")
FUNCTION_LINES = 40
FILE_LINES = 400
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")  # the test's own pattern is the one place that names them
AMBIENT = re.compile(
    r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|time\.(?:time|time_ns|monotonic|perf_counter)|uuid\.?[1-7]"
    r"|random\.\w+|secrets\.token_\w+|os\.urandom)\b"
)
AMBIENT_ALLOWED = {
    "unkey_api/core/clock.py": "the clock",
    "unkey_api/core/ids.py": "the source of ids",
    "unkey_api/core/keymaterial.py": "only names the function that production passes",
    "unkey_api/container/runtime.py": "where the composition root gets its sources of chance",
    "unkey_api/cli/databases.py": "a composition root of its own: a command, not the service",
    "unkey_api/cli/asking.py": "the same",
    "unkey_api/dev/stack.py": "the same",
    "unkey_api/dev/vault_server.py": "the same",
    "unkey_api/server/supervisor.py": "runs before there is anything to inject into",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def body_lines(function: Function) -> int:
    """Count from the first statement to the last one, docstring excluded."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def public_definitions(node: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Yield what a reader of the module may use: what is nested in functions or private is not."""
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child)


def is_override(definition: Function | ast.ClassDef) -> bool:
    """An `@override` has its docstring where the method was declared."""
    return any(isinstance(each, ast.Name) and each.id == "override" for each in definition.decorator_list)


def test_function_bodies_are_short() -> None:
    long = [
        f"{named(file)}:{node.lineno} {node.name}: {body_lines(node)} lines"
        for file in sources()
        for node in ast.walk(parsed(file))
        if isinstance(node, Function) and body_lines(node) >= FUNCTION_LINES
    ]
    assert not long, "split by idea:\n" + "\n".join(long)


def test_files_are_short() -> None:
    long = {named(file): lines for file in sources() if (lines := file.read_bytes().count(b"\n")) >= FILE_LINES}
    assert not long


def test_module_names_say_what_is_inside() -> None:
    vague = [named(file) for file in sources() if {file.stem, file.parent.name} & VAGUE_NAMES]
    assert not vague


def test_nothing_is_left_for_later() -> None:
    places = [
        f"{named(file)}:{number}"
        for folder in (*PACKAGES, "tests", "proto", "docs", "deploy")
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in {".py", ".proto", ".sql", ".md", ".lua", ".yaml", ".toml", ".sh"} and file != Path(__file__)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if LEFTOVER.search(line)
    ]
    assert not places


def test_public_names_are_documented() -> None:
    bare = [
        f"{named(file)}:{node.lineno} {node.name}"
        for file in sources()
        for node in public_definitions(parsed(file))
        if ast.get_docstring(node) is None and not is_override(node)
    ]
    assert not bare


def test_modules_have_docstrings() -> None:
    assert not [named(file) for file in sources() if ast.get_docstring(parsed(file)) is None]


def code_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that run: strings and comments may name what code must not call."""
    lines = file.read_text(encoding="utf-8").splitlines()
    quiet = {
        number
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return ((n, line.partition("  # ")[0]) for n, line in enumerate(lines, 1) if n not in quiet)


def imported(file: Path, modules: Collection[str]) -> Iterator[str]:
    """Yield the modules of ours that a file imports, those it needs for its types alone included."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module in modules:
            below = {f"{node.module}.{name.name}" for name in node.names} & set(modules)
            yield from below or {node.module}
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)


def test_no_module_imports_one_that_imports_it() -> None:
    modules = {named(file).removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in sources()}
    needs = {module: set(imported(file, modules)) - {module} for module, file in modules.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " needs ".join(reversed(error.args[1])))


def test_time_and_chance_are_injected() -> None:
    places = [
        f"{named(file)}:{number} {line.strip()}"
        for file in sources()
        if named(file).startswith("unkey_api/") and named(file) not in AMBIENT_ALLOWED
        for number, line in code_of(file)
        if AMBIENT.search(line)
    ]
    assert not places, "take a Clock, an IdSource or RandomBytes:\n" + "\n".join(places)


@pytest.mark.parametrize("name", sorted(AMBIENT_ALLOWED))
def test_exceptions_are_still_needed(name: str) -> None:
    assert AMBIENT.search((ROOT / name).read_text(encoding="utf-8")), f"{name} needs no exception any more"


def test_loggers_carry_their_type() -> None:
    """What structlog returns is Any to the type checker, which then finds no mistake in any line that is logged."""
    bare = [named(file) for file in sources() if re.search(r"^_log = structlog", file.read_text("utf-8"), re.MULTILINE)]
    assert not bare
