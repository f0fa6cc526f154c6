"""What a connection may cost, whether or not its caller is known. Both listeners keep to the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from unkey_api.settings.about import about

_SECOND_TO_HOUR = (timedelta(seconds=1), timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Bounds on connections, heads and the pace of both sides. They hold for HTTP/1.1 and HTTP/2 alike."""

    connections: int = field(
        default=10_000,
        metadata=about(
            "Connections each worker and listener holds at once; further ones are closed at once.",
            between=(1, 1_000_000),
            unit="connections",
        ),
    )
    connections_per_address: int = field(
        default=500,
        metadata=about(
            "The same per address of the peer. Addresses in trusted_proxies are not counted.",
            between=(1, 1_000_000),
            unit="connections",
        ),
    )
    head_bytes: int = field(
        default=32_768,
        metadata=about(
            "Largest head of a request in bytes: request line and header fields, uncompressed.",
            between=(1_024, 1_048_576),
            unit="bytes",
        ),
    )
    head_fields: int = field(
        default=100, metadata=about("Header fields of a request.", between=(10, 1_000), unit="fields")
    )
    head_timeout: timedelta = field(
        default=timedelta(seconds=10),
        metadata=about(
            "Time from the first byte of a head, or from the start of the connection, until the head is complete.",
            between=_SECOND_TO_HOUR,
        ),
    )
    body_timeout: timedelta = field(
        default=timedelta(seconds=60),
        metadata=about("Time from the head until the body is complete.", between=_SECOND_TO_HOUR),
    )
    body_bytes_per_second: int = field(
        default=256,
        metadata=about(
            "Least pace of a body, on average; counted once the head_timeout has passed since its head.",
            between=(1, 1_000_000),
            unit="bytes per second",
        ),
    )
    body_ahead_bytes: int = field(
        default=65_536,
        metadata=about(
            "Bytes of an HTTP/1.1 body that are read before the service asks for them.",
            between=(4_096, 16_777_216),
            unit="bytes",
        ),
    )
    chunk_overhead_bytes: int = field(
        default=16_384,
        metadata=about(
            "What a chunked HTTP/1.1 body may hold that is no body (extensions, trailers), besides three times the "
            "body and 16 bytes for each chunk.",
            between=(1_024, 16_777_216),
            unit="bytes",
        ),
    )
    linger_timeout: timedelta = field(
        default=timedelta(seconds=2),
        metadata=about(
            "How long a caller may go on sending after an answer that ends its connection; it is read and dropped, so "
            "that the caller sees the answer.",
            between=(timedelta(milliseconds=100), timedelta(minutes=1)),
        ),
    )
    linger_bytes: int = field(
        default=1_048_576,
        metadata=about("How much of that is read at most.", between=(0, 1_073_741_824), unit="bytes"),
    )
    light_body_bytes: int = field(
        default=65_536,
        metadata=about(
            "Longest body that is read from a caller who is not authenticated yet. A longer one, one that unpacks to "
            "more, and one with very many values is heavy: its caller is authenticated before it is read or decoded.",
            between=(4_096, 10_485_760),
            unit="bytes",
        ),
    )
    body_values: int = field(
        default=20_000,
        metadata=about(
            "Members and elements a body may hold, and a tenth of the escaped characters. "
            "While so many are decoded and checked the worker does nothing else, "
            "about three milliseconds for each thousand.",
            between=(1_000, 10_000_000),
            unit="values",
        ),
    )
    heavy_bodies: int = field(
        default=16,
        metadata=about("Requests with heavy bodies in a worker at once.", between=(1, 10_000), unit="requests"),
    )
    heavy_bodies_per_workspace: int = field(
        default=4,
        metadata=about("The same for one workspace.", between=(1, 10_000), unit="requests"),
    )
    heavy_body_bytes: int = field(
        default=67_108_864,
        metadata=about(
            "Bytes that heavy bodies may take together in a worker; a single one may be longer.",
            between=(65_536, 1_099_511_627_776),
            unit="bytes",
        ),
    )
    heavy_body_timeout: timedelta = field(
        default=timedelta(seconds=5),
        metadata=about(
            "How long a heavy body waits for others to be done before it is answered 429.",
            between=(timedelta(milliseconds=100), timedelta(minutes=1)),
        ),
    )
    idle_timeout: timedelta = field(
        default=timedelta(seconds=75),
        metadata=about(
            "Time a connection may stay open between requests; should be longer than that of proxies in front.",
            between=_SECOND_TO_HOUR,
        ),
    )
    send_timeout: timedelta = field(
        default=timedelta(seconds=30),
        metadata=about("Time the caller may take nothing of an answer that waits for it.", between=_SECOND_TO_HOUR),
    )
    streams_per_connection: int = field(
        default=100,
        metadata=about("Requests under way at once on one HTTP/2 connection.", between=(1, 1_000), unit="streams"),
    )
    stream_resets: int = field(
        default=100,
        metadata=about(
            "HTTP/2 streams of a connection that may be cancelled or broken within ten seconds; then it is told to go.",
            between=(10, 100_000),
            unit="streams",
        ),
    )
    control_frames: int = field(
        default=1_000,
        metadata=about(
            "HTTP/2 frames without any use for a request (pings, settings, priorities, empty data) a connection may "
            "send within ten seconds; then it is told to go.",
            between=(100, 1_000_000),
            unit="frames",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSettings:
    """Counters of rate limits that each worker keeps in memory, about 400 bytes each and their identifiers."""

    per_workspace: int = field(
        default=100_000,
        metadata=about(
            "Of one workspace. Beyond it, counters of the same workspace go; they continue from Redis.",
            between=(1_000, 100_000_000),
            unit="counters",
        ),
    )
    total: int = field(
        default=1_000_000,
        metadata=about(
            "Of all workspaces. Beyond it, counters of the workspace that has the most go.",
            between=(1_000, 100_000_000),
            unit="counters",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCredentialSettings:
    """A bucket per address in front of credentials that are not known to be good: guessing costs the guesser."""

    burst: int = field(
        default=1_000,
        metadata=about(
            "Refused credentials an address may present to a worker at once; 0 turns the buckets off.",
            between=(0, 1_000_000),
            unit="requests",
        ),
    )
    per_second: float = field(
        default=50.0,
        metadata=about(
            "How many more it may present in each second from then on.", between=(0.01, 100_000), unit="requests"
        ),
    )
    addresses: int = field(
        default=20_000,
        metadata=about(
            "Addresses each worker keeps count of; an IPv6 address stands for its /64.",
            between=(100, 10_000_000),
            unit="addresses",
        ),
    )
    delay: timedelta = field(
        default=timedelta(seconds=2),
        metadata=about(
            "How long an address over its share waits for each 429; 0 answers it at once.",
            between=(timedelta(0), timedelta(minutes=10)),
        ),
    )
    delayed_per_address: int = field(
        default=200,
        metadata=about(
            "Requests of an address that wait at once in a worker; further ones are answered without a wait.",
            between=(0, 100_000),
            unit="requests",
        ),
    )
    delayed: int = field(
        default=2_000,
        metadata=about("The same for all addresses together.", between=(0, 1_000_000), unit="requests"),
    )
