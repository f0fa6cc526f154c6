"""Every setting: name, type, default, limits, meaning. The reader, the checks and the documentation follow these."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from unkey_api.core.secret import Secret
from unkey_api.settings import checks
from unkey_api.settings.about import about
from unkey_api.settings.auth import AuthEntry
from unkey_api.settings.cores import available_cores
from unkey_api.settings.limits import CounterSettings, FailedCredentialSettings, LimitSettings
from unkey_api.settings.stores import (
    CacheSettings,
    ClickhouseSettings,
    DatabaseSettings,
    RedisSettings,
)

PORT_MAX = 65_535
PORT = (1, PORT_MAX)
PORT_OR_OFF = (0, PORT_MAX)
FRACTION = (0, 1)
REQUEST = (timedelta(milliseconds=100), timedelta(hours=1))
SUPERVISED_AGENT = "supervised"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Certificate of the listeners."""

    disabled: bool = field(default=False, metadata=about("Accepted for compatibility, without effect."))
    cert_file: str = field(default="", metadata=about("PEM file with the certificate chain."))
    key_file: str = field(default="", metadata=about("PEM file with the private key; both files or neither."))


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """The vault that encrypts recoverable keys."""

    url: str = field(
        default="",
        metadata=about(
            "Address of the vault; empty leaves everything that needs encryption unavailable.",
            check=checks.check_http_url,
        ),
    )
    token: Secret = field(default=Secret(""), metadata=about("Bearer token for the vault."))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMigrationSettings:
    """Keys that come from other systems."""

    peppers: tuple[Secret, ...] = field(
        default=(), metadata=about("Secrets with which other systems keyed their HMAC hashes; each is tried.")
    )
    hash_threads: int = field(
        default=1,
        metadata=about("Threads that verify bcrypt and Argon2 hashes.", between=(1, 64), unit="threads"),
    )
    hashes_per_second: float = field(
        default=10.0,
        metadata=about(
            "bcrypt and Argon2 verifications each workspace may ask a process for in a second, counted by what they "
            "cost: bcrypt 10, about 60 ms of a core, is one, bcrypt 12 is four.",
            between=(0.1, 1000),
            unit="hashes",
        ),
    )
    bcrypt_cost_max: int = field(
        default=12,
        metadata=about("bcrypt hashes with a higher cost are not imported.", between=(4, 14), unit="(two to the)"),
    )
    argon2_memory_max: int = field(
        default=65_536,
        metadata=about("Argon2 hashes that need more memory are not imported.", between=(8, 262_144), unit="KiB"),
    )
    argon2_passes_max: int = field(
        default=4, metadata=about("Argon2 hashes with more passes are not imported.", between=(1, 10), unit="passes")
    )
    argon2_lanes_max: int = field(
        default=4, metadata=about("Argon2 hashes with more lanes are not imported.", between=(1, 16), unit="lanes")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """The control plane of deployments."""

    url: str = field(metadata=about("Address of the control plane.", required=True, check=checks.check_http_url))
    token: Secret = field(metadata=about("Bearer token for the control plane.", required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestateSettings:
    """The workflow ingress."""

    url: str = field(
        metadata=about(
            "Absolute http or https URL without path, query or fragment.", required=True, check=checks.check_origin
        )
    )
    api_key: Secret = field(
        metadata=about(
            "Key for the ingress, without surrounding white space.",
            required=True,
            check=checks.check_no_surrounding_space,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubSettings:
    """The GitHub App that reads repositories."""

    app_name: str = field(default="", metadata=about("Name of the app, as in its installation link."))
    app_id: int = field(
        default=0,
        metadata=about("Numeric id of the app; 0 leaves GitHub operations unavailable.", between=(0, 2**53 - 1)),
    )
    private_key_pem: Secret = field(default=Secret(""), metadata=about("Private key of the app, PEM text."))


@dataclass(frozen=True, slots=True, kw_only=True)
class PprofSettings:
    """Profiling endpoints, on the main port, behind basic authentication."""

    username: str = field(default="", metadata=about("User name; the endpoints exist only with both set."))
    password: Secret = field(default=Secret(""), metadata=about("Password."))
    port: int = field(default=6060, metadata=about("Accepted for compatibility, without effect.", between=PORT_OR_OFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Traces over OTLP; the presence of the section switches them on."""

    sample_rate: float = field(
        default=0.05,
        metadata=about(
            "Share of requests traced that belong to no caller's trace; 0 traces none at all.", between=FRACTION
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """Which requests are logged."""

    sample_rate: float = field(
        default=1.0,
        metadata=about("Share of refused requests logged; 0 logs none. Failures always are.", between=FRACTION),
    )
    slow_threshold: timedelta = field(
        default=timedelta(seconds=1),
        metadata=about(
            "Requests that take longer are logged as slow; 0s logs every request.",
            between=(timedelta(0), timedelta(days=7)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """The Prometheus listener; the presence of the section switches it on."""

    prometheus_port: int = field(
        default=0,
        metadata=about(
            "Port of the first worker, the next worker has the next port; 0 lets the system choose.",
            between=PORT_OR_OFF,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilitySettings:
    """What operators see."""

    tracing: TracingSettings | None = field(default=None, metadata=about("Traces."))
    logging: LoggingSettings | None = field(default=None, metadata=about("Request log sampling."))
    metrics: MetricsSettings | None = field(default=None, metadata=about("Prometheus metrics."))


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationSettings:
    """Following the log of changes."""

    follow_every: timedelta = field(
        default=timedelta(milliseconds=250),
        metadata=about(
            "How often the log of changes is looked at. The invalidation bus makes it sooner.",
            between=(timedelta(milliseconds=50), timedelta(seconds=5)),
        ),
    )
    replica_lag_max: timedelta = field(
        default=timedelta(seconds=30),
        metadata=about(
            "How long after a change the replica is not asked for what belongs to its workspace, even when "
            "it says that it has the change: its address may hide several servers.",
            between=(timedelta(seconds=1), timedelta(hours=1)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GossipSettings:
    """Cache invalidation between nodes through a serf agent; the presence of the section switches it on."""

    agent: str = field(
        default=SUPERVISED_AGENT,
        metadata=about(
            "`supervised` starts and watches an agent; `external` uses one that already runs on this host.",
            check=checks.check_agent,
        ),
    )
    program: str = field(default="serf", metadata=about("Name or path of serf, for a supervised agent."))
    bind_addr: str = field(
        default="0.0.0.0:7946",
        metadata=about("Address the agent gossips on, TCP and UDP.", check=checks.check_host_port),
    )
    advertise_addr: str = field(
        default="",
        metadata=about(
            "Address others reach the agent by; empty advertises the one it is bound to.",
            check=checks.check_host_maybe_port,
        ),
    )
    join: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Addresses of nodes to join; the agent tries until it has reached one.",
            check=checks.check_host_maybe_port,
        ),
    )
    profile: str = field(
        default="lan",
        metadata=about(
            "Timing of the gossip: `lan`, `wan` between regions, `local` on one host.", check=checks.check_profile
        ),
    )
    agent_rpc_address: str = field(
        default="127.0.0.1:7373",
        metadata=about("Where the agent answers commands.", check=checks.check_host_port),
    )
    agent_rpc_auth: Secret = field(
        default=Secret(""),
        metadata=about("Token an external agent wants to be shown; a supervised one gets its own."),
    )
    secret_key: Secret = field(
        metadata=about(
            "Key of the gossip traffic: base64 of 16, 24 or 32 bytes, the same on every node.",
            required=True,
            check=checks.check_gossip_key,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. Optional sections are None when neither file nor environment mentions them."""

    instance_id: str = field(
        default="", metadata=about("Name of this node in logs and traces.", shown_default="generated, `ins_…`")
    )
    platform: str = field(default="", metadata=about("Free text for logs: where this runs."))
    image: str = field(default="", metadata=about("Free text for logs: what was built."))
    region: str = field(default="unknown", metadata=about("Region written to every analytics row."))
    bind_address: str = field(
        default="0.0.0.0",  # noqa: S104 - a service in a container is reached from outside
        metadata=about(
            "Address the listeners bind to; `::` takes both IPv6 and IPv4.", check=checks.check_bind_address
        ),
    )
    http_port: int = field(default=7070, metadata=about("Port of HTTP/1.1.", between=PORT))
    http2_port: int = field(
        default=7071, metadata=about("Port of HTTP/2 and gRPC; 0 turns it off.", between=PORT_OR_OFF)
    )
    workers: int = field(
        default_factory=available_cores,
        metadata=about(
            "Processes that serve requests.",
            between=(1, 1024),
            unit="processes",
            shown_default="number of cores, at most the CPU quota",
        ),
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(), metadata=about("Networks whose forwarding headers are believed, as CIDR.")
    )
    request_timeout: timedelta = field(
        default=timedelta(seconds=60),
        metadata=about("Time a request may take before it is answered with a time-out.", between=REQUEST),
    )
    shutdown_timeout: timedelta = field(
        default=timedelta(seconds=30),
        metadata=about("Time running requests get to finish after a stop signal.", between=REQUEST),
    )
    max_request_body_size: int = field(
        default=10_485_760,
        metadata=about(
            "Largest request body; a negative number lifts the limit.",
            between=(-(2**31), 2**31),
            unit="bytes",
            check=checks.check_body_size,
        ),
    )
    limits: LimitSettings = field(default=LimitSettings(), metadata=about("What connections may cost."))
    portal_base_url: str = field(
        default="https://portal.unkey.com",
        metadata=about("Base of the portal links handed out.", check=checks.check_http_url),
    )
    proxy_token: Secret = field(default=Secret(""), metadata=about("Accepted for compatibility, without effect."))
    redis_url: Secret = field(
        metadata=about(
            "Where the counters are: `redis://user:password@host:6379/0`, or `rediss://` for TLS.",
            required=True,
            check=checks.check_redis_url,
        )
    )
    redis: RedisSettings = field(default=RedisSettings(), metadata=about("Redis."))
    database: DatabaseSettings = field(metadata=about("The database.", required=True))
    caches: CacheSettings = field(default=CacheSettings(), metadata=about("Caches."))
    failed_credentials: FailedCredentialSettings = field(
        default=FailedCredentialSettings(), metadata=about("Addresses that guess.")
    )
    counters: CounterSettings = field(default=CounterSettings(), metadata=about("Counters of rate limits."))
    clickhouse: ClickhouseSettings | None = field(default=None, metadata=about("Analytics."))
    tls: TlsSettings | None = field(default=None, metadata=about("TLS."))
    vault: VaultSettings | None = field(default=None, metadata=about("Vault."))
    key_migrations: KeyMigrationSettings = field(
        default=KeyMigrationSettings(), metadata=about("Keys that come from other systems.")
    )
    control: ControlSettings | None = field(default=None, metadata=about("Control plane."))
    restate: RestateSettings | None = field(default=None, metadata=about("Workflow ingress."))
    github: GithubSettings | None = field(default=None, metadata=about("GitHub App."))
    pprof: PprofSettings | None = field(default=None, metadata=about("Profiling."))
    observability: ObservabilitySettings = field(
        default=ObservabilitySettings(), metadata=about("Logs, metrics, traces.")
    )
    revocation: RevocationSettings = field(
        default=RevocationSettings(), metadata=about("Following what other processes change.")
    )
    gossip: GossipSettings | None = field(default=None, metadata=about("Cache invalidation between nodes."))
    auth: tuple[AuthEntry, ...] = field(
        metadata=about("Accepted credentials, tried in this order; at least one entry.", required=True)
    )
