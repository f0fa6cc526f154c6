"""Which requests are traced and how spans travel: the section `observability.tracing` and the `OTEL_*` variables.

A variable that is set wins over the section. The specification has a program ignore values it does not understand; here
they are problems like any other, since a trace that does not come is noticed when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unkey_api.settings.addresses.http import Collector, CollectorError, collector_of, read_pairs
from unkey_api.settings.addresses.parameters import AddressError
from unkey_api.settings.sections import TracingSettings
from unkey_api.settings.source import Problem

SAMPLER = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"
PROPAGATORS = "OTEL_PROPAGATORS"
RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
BATCHES = "OTEL_BSP_"
TAKE_NO_TRACE = "none"
MS_MAX = 600_000
QUEUE_MAX = 1_000_000
_LIMITS = (
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
)
"""Read by the SDK, which raises for what is no number."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which requests are traced."""

    share: float
    """Of those that belong to no trace yet, from 0 to 1."""
    follows_callers: bool
    """Whether the flag in a caller's trace decides for its requests; otherwise their trace id does, by `share`."""

    @property
    def never(self) -> bool:
        """Whether no request can be traced."""
        return not self.share and not self.follows_callers


_ALWAYS, _NEVER = Sampling(1.0, follows_callers=False), Sampling(0.0, follows_callers=False)
_FIXED = {
    "always_on": _ALWAYS,
    "always_off": _NEVER,
    "parentbased_always_on": Sampling(1.0, follows_callers=True),
    "parentbased_always_off": Sampling(0.0, follows_callers=True),
}
_BY_SHARE = {"traceidratio": False, "parentbased_traceidratio": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQueue:
    """How ended spans wait for their batch. The defaults are the specification's."""

    spans: int = 2_048
    """That may wait; beyond it new ones are dropped."""
    batch: int = 512
    """Spans sent at once, at most."""
    delay_ms: int = 5_000
    """How long a span waits at most while batches go through."""
    export_ms: int = 30_000
    """How long a batch may take; the collector's own time-out counts besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTelemetry:
    """Everything about traces."""

    sampling: Sampling
    propagators: tuple[str, ...] = ("tracecontext", "baggage")
    """Forms in which a caller's trace is understood; empty to begin a new one for every caller."""
    queue: SpanQueue = SpanQueue()
    collector: Collector = field(default_factory=lambda: collector_of({}))

    @property
    def seconds(self) -> float:
        """For one batch, however often it is tried."""
        return min(self.collector.seconds, self.queue.export_ms / 1_000)


class OpenTelemetryError(Exception):
    """Variables cannot be used. `problems` names each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def opentelemetry_of(tracing: TracingSettings | None, environ: Mapping[str, str]) -> OpenTelemetry | None:
    """Read the section and the variables. None when nothing is to be traced, whatever the other variables say.

    Raises:
        OpenTelemetryError: One or more variables cannot be used.
    """
    reading = _Reading(environ)
    if tracing is None or reading.text("OTEL_SDK_DISABLED").lower() == "true":
        return None
    exporter = reading.text("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter not in {"otlp", "none"}:
        reading.problems.append(Problem("OTEL_TRACES_EXPORTER", "must be otlp or none"))
    read = OpenTelemetry(
        sampling=reading.sampling(tracing.sample_rate),
        propagators=reading.propagators(),
        queue=reading.queue(),
        collector=reading.collector(),
    )
    reading.check_what_the_sdk_reads()
    if reading.problems:
        raise OpenTelemetryError(tuple(reading.problems))
    return None if exporter == "none" or read.sampling.never else read


class _Reading:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environ = environ

    def text(self, name: str) -> str:
        """Return what a variable says; empty counts as not set."""
        return self._environ.get(name, "").strip()

    def sampling(self, sample_rate: float) -> Sampling:
        name = self.text(SAMPLER).lower()
        if not name:
            return Sampling(sample_rate, follows_callers=True) if sample_rate else _NEVER
        if name in _BY_SHARE:
            return Sampling(self._share(), follows_callers=_BY_SHARE[name])
        if name not in _FIXED:
            known = ", ".join((*_FIXED, *_BY_SHARE))
            self.problems.append(Problem(SAMPLER, f"must be one of {known}"))
        return _FIXED.get(name, _NEVER)

    def _share(self) -> float:
        text = self.text(SAMPLER_ARGUMENT)
        try:
            share = float(text or 1)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            self.problems.append(Problem(SAMPLER_ARGUMENT, "must be a number from 0 to 1"))
        return share

    def propagators(self) -> tuple[str, ...]:
        """Return the names, each once; whether they are installed shows when they are loaded."""
        text = self.text(PROPAGATORS)
        if not text:
            return ("tracecontext", "baggage")
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        return () if TAKE_NO_TRACE in names else names

    def queue(self) -> SpanQueue:
        usual = SpanQueue()
        spans = self._number("MAX_QUEUE_SIZE", usual.spans, most=QUEUE_MAX)
        read = SpanQueue(
            spans=spans,
            # Who wants a small queue need not know of the other variable.
            batch=self._number("MAX_EXPORT_BATCH_SIZE", min(usual.batch, spans), most=QUEUE_MAX),
            delay_ms=self._number("SCHEDULE_DELAY", usual.delay_ms, most=MS_MAX),
            export_ms=self._number("EXPORT_TIMEOUT", usual.export_ms, most=MS_MAX),
        )
        if read.batch > read.spans:
            problem = Problem(f"{BATCHES}MAX_EXPORT_BATCH_SIZE", f"must not exceed {BATCHES}MAX_QUEUE_SIZE")
            self.problems.append(problem)
        return read

    def _number(self, name: str, usual: int, *, most: int) -> int:
        text = self.text(BATCHES + name)
        if not text:
            return usual
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= most:
            self.problems.append(Problem(BATCHES + name, f"must be a number from 1 to {most}"))
            return usual
        return int(text)

    def collector(self) -> Collector:
        try:
            return collector_of(self._environ)
        except CollectorError as err:
            self.problems += err.problems
            return collector_of({})

    def check_what_the_sdk_reads(self) -> None:
        """Look at variables that go to the SDK as they are."""
        for name in _LIMITS:
            text = self.text(name)
            if text and not (text.isascii() and text.isdecimal()):
                self.problems.append(Problem(name, "must be a number from 0 on; leave it out for the default"))
        try:
            read_pairs(self.text(RESOURCE))
        except AddressError as err:
            self.problems.append(Problem(RESOURCE, str(err)))
