"""What a log line tells about an exception: kind, text, what led to it, and where. Never the value of a variable."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType

from unkey_api.core.errors import AppError

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
