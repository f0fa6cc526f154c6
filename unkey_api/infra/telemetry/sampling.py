"""Whether a request is traced, decided before anything is made for it.

Most requests are not, and a span costs as much as everything else that is told about one. So the half of what
will be the trace id is drawn and compared, which is all that the SDK's sampler does in the end: asked later for those
that are traced, it decides the same about the same id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased

from unkey_api.settings.opentelemetry import Sampling

Headers = Mapping[bytes, bytes]
"""Of a request, by their names in lower case."""

_BAGGAGE = "baggage"
_ABOUT_ANOTHER = frozenset({"tracestate", _BAGGAGE})
"""Headers that begin no trace; nobody looks for others when these are all there is."""
_NOT_SAMPLED = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][02468ace]")
"""A well-formed `traceparent` without the flag. What differs in the least is left to the propagator."""


class UnknownPropagator(Exception):
    """A form of trace context that no installed package understands. The argument is its name."""


def load_propagators(names: Sequence[str]) -> list[TextMapPropagator]:
    """Return what understands callers' traces, from the installed packages, in the order of `names`.

    Baggage is left out: nothing here reads any, and so nobody has to look at what strangers send.

    Raises:
        UnknownPropagator: A name is misspelt, or its package is not installed.
    """
    loaded = []
    for name in names:
        if name == _BAGGAGE:
            continue
        found = next(iter(entry_points(group="opentelemetry_propagator", name=name)), None)
        if found is None:
            raise UnknownPropagator(name)
        loaded.append(found.load()())
    return loaded


class DrawnIds(RandomIdGenerator):
    """Ids of which that of a trace can be known before its first span is made. For one thread."""

    def __init__(self, bits: Callable[[int], int]) -> None:
        """`bits` returns a random number of so many bits."""
        self.bits = bits
        self._kept: int | None = None

    def keep(self, trace_id: int) -> None:
        """Have the next trace get this id."""
        self._kept = trace_id

    def generate_trace_id(self) -> int:
        """Return the id that was kept, once; otherwise a new one."""
        kept, self._kept = self._kept, None
        return super().generate_trace_id() if kept is None else kept


class _Headers(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        value = carrier.get(key.lower().encode("latin-1"))
        return None if value is None else [str(value, "latin-1")]

    def keys(self, carrier: Headers) -> list[str]:
        return [str(name, "latin-1") for name in carrier]


class HeadSampler:
    """Decides for each request, and gives those that are traced their place."""

    def __init__(self, sampling: Sampling, propagators: Sequence[TextMapPropagator], ids: DrawnIds) -> None:
        """`ids` must be those of the tracer that makes the spans."""
        by_share = TraceIdRatioBased(sampling.share)
        self.sampler: Sampler = ParentBased(by_share) if sampling.follows_callers else by_share
        """What the tracer has to ask."""
        self._bound = by_share.bound
        self._follows = sampling.follows_callers
        self._ids = ids
        self._bits = ids.bits
        self._propagator = CompositePropagator(propagators)
        fields = dict.fromkeys(field.lower() for each in propagators for field in sorted(each.fields))
        self._beginnings = tuple(field.encode("latin-1") for field in fields if field not in _ABOUT_ANOTHER)
        # A glance at the flag is enough where nothing else could say otherwise.
        self._glance = self._follows and self._beginnings == (b"traceparent",)

    def place(self, headers: Headers) -> Context | None:
        """Return the context to begin the span of a request in; None when it is not traced.

        At once after it the span has to be made, or no other before the next call.
        """
        for name in self._beginnings:
            if name in headers:
                return self._below(headers)
        return self._new()

    def _new(self) -> Context | None:
        low = self._bits(64)  # the half of a trace id that samplers look at
        if low >= self._bound:
            return None
        self._ids.keep(self._bits(64) << 64 | low)
        return Context()

    def _below(self, headers: Headers) -> Context | None:
        """Follow a caller's trace; what cannot be read as one counts as none."""
        if self._glance and _NOT_SAMPLED.fullmatch(headers[b"traceparent"]):
            return None
        context = self._propagator.extract(headers, getter=_HEADERS)
        parent = trace.get_current_span(context).get_span_context()
        if not parent.is_valid:
            return self._new()
        if self._follows:
            return context if parent.trace_flags.sampled else None
        return context if parent.trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound else None


_HEADERS = _Headers()
