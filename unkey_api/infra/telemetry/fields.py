"""The names a log line may carry, at any depth. A field that is not listed does not reach the line.

Listing is the guard: forwarding a request body, a row or a header map by mistake shows up as a dropped field, not as a
customer's secret in a log store.
"""

from __future__ import annotations

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
    "attempt",
    "attempts",
    "buffer",
    "cache",
    "command",
    "command_seconds",
    "count",
    "dependency",
    "dropped",
    "event_type",
    "exit_code",
    "job",
    "key_id",
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
    "rows",
    "seconds",
    "service",
    "signal",
    "size",
    "slug",
    "state",
    "statement",
    "table",
    "timeout_seconds",
    "trigger",
    "url",
    "wait_ms",
    "work",
}

LOGGABLE = frozenset(_LINE | _PROCESS | _REQUEST | _WORK)
"""Every name that may appear. Secrets have no name here; texts under these names are scrubbed all the same."""
