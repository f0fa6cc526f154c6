"""Ended spans on their way to the collector, by the SDK's queue, thread and exporter, and what became of them.

The SDK counts losses only in its own metrics and takes redirects for success. Here every span is counted that did not
arrive: for want of room, because the collector refused it or was not there, or because the process ended.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import requests
import structlog
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from unkey_api.settings.opentelemetry import OpenTelemetry

ANSWER_BYTES_MAX = 64 * 1024
"""Of a collector's answer that are read; it is a count and a sentence."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a batch."""

    TAKEN = "taken"
    REFUSED = "refused"
    """The collector answered, and did not take it."""
    UNREACHABLE = "unreachable"
    UNENCODABLE = "unencodable"
    """It was never sent, which is a bug."""
    CLOSED = "closed"
    """The process ended before it could be sent."""


OnBatch = Callable[[Outcome, int], None]
"""Told, in the exporter's thread, how a batch ended and how many of its spans are lost."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def rejected(self) -> int:
        """Spans that a collector says it left out of a batch it took."""
        try:
            said = ExportTraceServiceResponse.FromString(self.body)
        except DecodeError:
            return 0  # it took them, and answered in a way of its own
        rejected: int = said.partial_success.rejected_spans
        return max(0, rejected)


class _Session(requests.Session):
    """Remembers what the collector last answered, and how a call failed that got no answer."""

    def __init__(self, *, trust: str | bool) -> None:
        super().__init__()
        # A login that some file keeps for this host must not replace the configured headers.
        self.auth = lambda request: request
        self._trust = trust
        self.forget()

    def forget(self) -> None:
        """Begin anew, for the next batch."""
        self.attempts = 0
        self.answer: _Answer | None = None
        self.error = ""
        """Kind of the last failure; its text may quote addresses."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # Any: the base class's own
        """Send one request, and read no more of the answer than is of use."""
        self.attempts += 1
        # Another program's variable (REQUESTS_CA_BUNDLE) would win over what was configured.
        options = {**kwargs, "stream": True, "verify": self._trust}
        try:
            response = super().send(request, **options)
            body = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
        except Exception as err:
            self.error = type(err).__name__
            raise
        if len(body) > ANSWER_BYTES_MAX:
            response.close()
        self.answer = _Answer(response.status_code, body)
        return response


class CollectorExporter(SpanExporter):
    """Sends batches by the SDK's exporter, which tries again while a batch's time lasts, and says how they ended."""

    def __init__(self, settings: OpenTelemetry, on_batch: OnBatch) -> None:
        """Connects with the first batch. The standard proxy variables are honoured."""
        collector = settings.collector
        self._session = _Session(trust=collector.certificate or _system_trust())
        self._exporter = OTLPSpanExporter(
            endpoint=collector.url,
            client_key_file=collector.client_key or None,
            client_certificate_file=collector.client_certificate or None,
            headers=collector.headers,
            timeout=settings.seconds,
            compression=Compression.Gzip if collector.compressed else Compression.NoCompression,
            session=self._session,
        )
        self._on_batch = on_batch
        self._given_up = threading.Event()
        self._failing = False
        self.begun = 0
        """Spans of all batches so far, that under way included."""
        self.ended = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch, or count it as lost."""
        self.begun += len(spans)
        outcome, lost = self._send(spans)
        self._on_batch(outcome, lost)
        self._tell(outcome, lost)
        self.ended += len(spans)
        return SpanExportResult.SUCCESS if outcome is Outcome.TAKEN else SpanExportResult.FAILURE

    def _send(self, spans: Sequence[ReadableSpan]) -> tuple[Outcome, int]:
        """Return what became of a batch, and how many of its spans are lost."""
        if self._given_up.is_set():
            return Outcome.CLOSED, len(spans)
        session = self._session
        session.forget()
        self._exporter.export(spans)
        if session.answer is not None:
            taken = session.answer.taken
            return (Outcome.TAKEN, session.answer.rejected) if taken else (Outcome.REFUSED, len(spans))
        if self._given_up.is_set():
            return Outcome.CLOSED, len(spans)
        return Outcome.UNREACHABLE if session.attempts else Outcome.UNENCODABLE, len(spans)

    def _tell(self, outcome: Outcome, lost: int) -> None:
        """Log when spans begin to be lost and when that is over; how many there were is for the metrics."""
        if outcome is Outcome.CLOSED:
            return  # whoever closed it tells
        failing = lost > 0
        if failing and not self._failing:
            answer, error = self._session.answer, self._session.error or None
            status = answer.status if answer else None
            _log.warning("spans are lost", reason=outcome.value, count=lost, status=status, error=error)
        elif self._failing and not failing:
            _log.info("spans are taken again")
        self._failing = failing

    def give_up(self) -> None:
        """Send nothing any more, and do not wait for another try of the batch under way."""
        self._given_up.set()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the package forgot its annotation

    def shutdown(self) -> None:
        """Close the connection; called by the SDK when everything was sent."""
        if not self._given_up.is_set():
            self.give_up()


class SpanBuffer(SpanProcessor):
    """Ended spans that wait for the SDK's thread. Full: the newest are dropped and counted.

    Satisfies the port of the metrics about buffers. Filled by the event loop's thread, emptied by the exporter's.
    """

    def __init__(self, exporter: CollectorExporter, settings: OpenTelemetry) -> None:
        """Starts the thread."""
        queue = settings.queue
        self.capacity = queue.spans
        self.accepted = 0
        """Spans taken so far."""
        self.dropped = 0
        self.refused = 0
        self._exporter = exporter
        self._closed = False
        self._batches = BatchSpanProcessor(
            exporter,
            max_queue_size=queue.spans,
            schedule_delay_millis=queue.delay_ms,
            max_export_batch_size=queue.batch,
            export_timeout_millis=queue.export_ms,
        )

    def __len__(self) -> int:
        """Return the spans that wait, without those being sent."""
        return self.accepted - self._exporter.begun

    def on_end(self, span: ReadableSpan) -> None:
        """Take an ended span, if there is room. Never waits."""
        if self._closed:
            self.refused += 1
        elif len(self) >= self.capacity:
            self.dropped += 1
        else:
            self.accepted += 1
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Refuse spans from now on, and return when those that wait were sent or given up."""
        self._closed = True
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the package forgot its annotation

    def give_up(self) -> int:
        """Have `shutdown` wait for no collector any more; return how many spans are lost by it."""
        self._exporter.give_up()
        return self.accepted - self._exporter.ended


def _system_trust() -> str | bool:
    """Return where this system keeps the authorities it trusts, or True for those that come with the HTTP client."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
