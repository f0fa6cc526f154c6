"""Set up logging for a process: structlog for us, and the standard library's loggers of our dependencies with it.

Modules get their logger with `structlog.get_logger(__name__)`; nothing is written as configured here until the process
entry point called `configure_logging`.
"""

from __future__ import annotations

import atexit
import io
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from unkey_api.core.clock import Clock
from unkey_api.core.secret import Secret
from unkey_api.infra.telemetry.line_writer import DirectOutput, LineWriter, LogOutput
from unkey_api.infra.telemetry.processors import Processor, Scrubber, expand_error, guard, render_json, stamp
from unkey_api.settings.load import LEVEL_VARIABLE

FLUSH_SECONDS = 2.0
"""How long the end of a process waits for its last lines."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_QUIETER = {
    "opentelemetry": logging.ERROR,  # would quote every malformed header about a trace, for whoever sends them
    "opentelemetry.exporter": logging.CRITICAL,  # would quote addresses, once per batch; `exporting` tells the rest
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStyle:
    """How lines look and which are written."""

    level: int = logging.INFO
    pretty: bool = False
    """For people on a terminal; otherwise one JSON object per line."""

    @classmethod
    def of(cls, environ: Mapping[str, str], stream: TextIO) -> LogStyle:
        """Choose from UNKEY_LOG_LEVEL (unknown words mean info), NO_COLOR and whether the stream is a terminal."""
        level = _LEVELS.get(environ.get(LEVEL_VARIABLE, "").strip().lower(), logging.INFO)
        return cls(level=level, pretty=stream.isatty() and not environ.get("NO_COLOR"))


def configure_logging(
    clock: Clock,
    *,
    style: LogStyle,
    base: Mapping[str, object] | None = None,
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Make every logger of this process write through our steps. Call once per process, before work starts.

    Args:
        clock: Source of the time on each line.
        style: Level and form.
        base: Fields on every line; they must be loggable too.
        secrets: Texts that must never appear, on top of what looks like a secret.
        stream: Where lines go; standard error when None. Nobody waits for it: see `line_writer`.
    """
    flush_logging(FLUSH_SECONDS)
    steps = _steps(clock, Scrubber(secrets), style, base or {})
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(style.level),
        logger_factory=_Loggers(_output(stream or sys.stderr, steps)),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, ForwardingHandler)]:
        root.removeHandler(old)
    root.addHandler(ForwardingHandler())
    root.setLevel(max(style.level, logging.INFO))
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(least)


def flush_logging(seconds: float) -> bool:
    """Wait until all lines so far were written; False when it took longer."""
    factory = structlog.get_config()["logger_factory"]
    return factory.output.flush(seconds) if isinstance(factory, _Loggers) else True


def dropped_lines() -> int:
    """Return how many lines this process lost because nobody took them."""
    factory = structlog.get_config()["logger_factory"]
    return factory.output.dropped if isinstance(factory, _Loggers) else 0


def _output(stream: TextIO, steps: Sequence[Processor]) -> LogOutput:
    """Return what writes to a stream: of the system, a queue and a thread; in memory, the stream itself."""
    try:
        descriptor = stream.fileno()
    except (OSError, io.UnsupportedOperation, AttributeError):
        return DirectOutput(stream)

    def notice(count: int) -> str:
        event: EventDict = {"event": "log lines dropped", "count": count}
        for step in steps:
            event = step(NamedLogger(DirectOutput(stream), __name__), "warning", event)
        return str(event)

    writer = LineWriter(descriptor, notice=notice)
    atexit.register(writer.flush, FLUSH_SECONDS)
    return writer


class _Loggers:
    """Makes the loggers of modules, all with one output."""

    def __init__(self, output: LogOutput) -> None:
        self.output = output

    def __call__(self, *name: object) -> NamedLogger:
        return NamedLogger(self.output, str(name[0]) if name else "")


class NamedLogger:
    """The last step: hands a finished line on. Knows which module it belongs to."""

    def __init__(self, output: LogOutput, name: str) -> None:
        self.name = name
        self.msg = output.write
        self.debug = self.info = self.warning = self.warn = self.error = self.critical = self.msg
        self.exception = self.fatal = self.log = self.msg


class ForwardingHandler(logging.Handler):
    """Sends records of the standard library's loggers down the same path as our own events."""

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record with its traceback, if any."""
        logger = structlog.get_logger(record.name)
        exc_info = record.exc_info[1] if record.exc_info else None
        fields = {"exc_info": exc_info} if exc_info else {}
        logger.log(record.levelno, record.getMessage(), **fields)


def _steps(clock: Clock, scrubber: Scrubber, style: LogStyle, base: Mapping[str, object]) -> list[Processor]:
    def add_base(logger: WrappedLogger, _: str, event: EventDict) -> EventDict:
        named = {"logger": logger.name} if logger.name else {}
        return {**base, **named, **event}

    callsite = structlog.processors.CallsiteParameterAdder(
        [structlog.processors.CallsiteParameter.FILENAME, structlog.processors.CallsiteParameter.LINENO],
        additional_ignores=["logging", "unkey_api.infra.telemetry"],
    )
    ending = structlog.dev.ConsoleRenderer(event_key="message", timestamp_key="time") if style.pretty else render_json
    return [
        structlog.contextvars.merge_contextvars,
        add_base,
        stamp(clock),
        callsite,
        join_source,
        expand_error,
        guard(scrubber),
        ending,  # type: ignore[list-item]  # the last step returns text
    ]


def join_source(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write file and line as one field."""
    file, line = event.pop("filename", None), event.pop("lineno", None)
    if file:
        event["source"] = f"{file}:{line}"
    return event
