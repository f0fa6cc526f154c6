"""What the code logs may be logged: a field that is not listed would vanish from the line without anybody noticing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import unkey_api
from unkey_api.infra.telemetry.fields import LOGGABLE

LEVELS = {"debug", "info", "warning", "error", "exception"}


def logged_fields() -> Iterator[tuple[str, str]]:
    """Yield every keyword of a call like `_log.info(...)`, with its place."""
    for file in sorted(Path(unkey_api.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id in {"_log", "log"}:
                    for keyword in node.keywords:
                        if keyword.arg is not None:
                            yield f"{file.name}:{node.lineno}", keyword.arg


def test_every_logged_field_is_listed() -> None:
    fields = list(logged_fields())
    assert len(fields) > 20
    assert [(place, name) for place, name in fields if name not in LOGGABLE | {"exc_info"}] == []
