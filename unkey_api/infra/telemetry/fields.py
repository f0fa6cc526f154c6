"""What a log line may tell: the names it may carry, and what it says about an exception.

A field that is not listed does not reach the line, at any depth. Listing is the guard: forwarding a request body, a row
or a header map by mistake shows up as a dropped field, not as a customer's secret in a log store. Of an exception the
line has kind, text, what led to it, and where; never the value of a variable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType

from unkey_api.core.errors import AppError

_LINE = {"time", "level", "message", "source", "logger", "error", "dropped_fields"}
_PROCESS = {"instance", "id", "platform", "region", "version", "image", "worker", "pid", "tls_enabled", "testmode"}
_REQUEST = {
    "http",
    "method",
    "path",
    "request_id",
    "host",
    "user_agent",
    "ip_address",
    "referer",
    "status",
    "status_code",
    "surface",
    "auth",
    "type",
    "workspace_id",
    "subject",
    "subject_name",
    "permission_count",
    "log_meta",
    "start",
    "duration_ms",
    "errors",
    "internal",
    "public",
    "public_message",
    "code",
    "steps",
}
_WORK = {
    "action",
    "address",
    "amount",
    "attempt",
    "attempts",
    "buffer",
    "cache",
    "cells",
    "command",
    "command_seconds",
    "count",
    "dependency",
    "dropped",
    "event_type",
    "exit_code",
    "frames",
    "job",
    "key_id",
    "lane",
    "level_of_agent",
    "limit",
    "location",
    "migration",
    "namespace_id",
    "node",
    "operation",
    "owner",
    "port",
    "queue",
    "reason",
    "resource",
    "retry_seconds",
    "rows",
    "said",
    "seconds",
    "service",
    "signal",
    "size",
    "skipped",
    "slug",
    "slugs",
    "state",
    "statement",
    "table",
    "timeout_seconds",
    "transport",
    "trigger",
    "url",
    "wait_ms",
    "why",
    "work",
}

LOGGABLE = frozenset(_LINE | _PROCESS | _REQUEST | _WORK)
"""Every name that may appear. Secrets have no name here; texts under these names are scrubbed all the same."""


FRAMES_MAX = 20
"""Of all exceptions of one line together."""
STEPS_MAX = 8
"""Exceptions that led to the one reported: causes, contexts and the members of groups."""
TEXT_MAX = 2_000
_PACKAGES = ("site-packages", "unkey_api", "gen")


def describe_exception(error: BaseException) -> dict[str, object]:
    """Return type, message, steps, the place it was raised at, and the frames of each, innermost exception last.

    A group says nothing by itself, so its members are walked like causes. Everything is bounded.
    """
    behind = list(_behind(error))
    described: dict[str, object] = {
        "type": type(error).__name__,
        "message": _text(error),
        "steps": [f"{type(each).__name__}: {_text(each)}" for each in behind],
    }
    if isinstance(error, AppError):
        described["code"] = error.code.value
    frames = _frames(error, FRAMES_MAX)
    if frames:
        described["location"] = frames[-1]
    for each in behind:
        room = FRAMES_MAX - len(frames) - 1
        if room > 0 and (inner := _frames(each, room)):
            frames += [f"from {type(each).__name__}", *inner]
    if frames:
        described["frames"] = frames[:FRAMES_MAX]
    return described


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an exception, nearest first."""
    seen = {id(error)}
    waiting = deque(_next(error))
    while waiting and len(seen) <= STEPS_MAX:
        each = waiting.popleft()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting.extend(_next(each))


def _next(error: BaseException) -> list[BaseException]:
    members = list(error.exceptions[:STEPS_MAX]) if isinstance(error, BaseExceptionGroup) else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [*members, cause] if cause is not None else members


def _frames(error: BaseException, most: int) -> list[str]:
    """Return where the exception passed, the place it was raised at last; of many the last ones."""
    kept: deque[str] = deque(maxlen=most)
    step: TracebackType | None = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        kept.append(f"{_short(code.co_filename)}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return list(kept)


def _short(filename: str) -> str:
    """Return a path from the package on."""
    parts = PurePath(filename).parts
    for number, part in enumerate(parts):
        if part in _PACKAGES:
            return "/".join(parts[number + (part == "site-packages") :])
    return "/".join(parts[-2:])


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - code of whoever raised it
        return "<no text>"
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
