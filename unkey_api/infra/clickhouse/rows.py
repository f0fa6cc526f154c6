"""The events this service writes. Named tuples, because they are made on the hot path and written much later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class ApiRequestRow(NamedTuple):
    """One HTTP request, as `api_requests_raw_v2` keeps it. Headers and bodies are redacted already."""

    request_id: str
    time: int
    """Start, Unix milliseconds."""
    workspace_id: str
    """Empty when nobody was authenticated."""
    host: str
    method: str
    """Upper case."""
    path: str
    query_string: str
    """Without the question mark."""
    query_params: Mapping[str, Sequence[str]]
    request_headers: Sequence[str]
    """`Name: value` each."""
    request_body: str
    response_status: int
    response_headers: Sequence[str]
    """`Name: value` each."""
    response_body: str
    error: str
    """Internal text of the failure; empty on success."""
    service_latency: int
    """Whole milliseconds."""
    user_agent: str
    ip_address: str
    region: str


class KeyVerificationRow(NamedTuple):
    """One key verification, as `key_verifications_raw_v2` keeps it."""

    request_id: str
    time: int
    """Unix milliseconds."""
    workspace_id: str
    key_space_id: str
    identity_id: str
    """Empty for a key without an identity, as is `external_id`."""
    external_id: str
    key_id: str
    region: str
    outcome: str
    """`VALID`, `RATE_LIMITED`, `EXPIRED`, ..."""
    tags: Sequence[str]
    spent_credits: int
    latency: float
    """Milliseconds."""
    source: str = "api"
    app_id: str = ""


class RatelimitRow(NamedTuple):
    """One decision against a rate-limit namespace, as `ratelimits_raw_v2` keeps it."""

    request_id: str
    time: int
    """Unix milliseconds."""
    workspace_id: str
    namespace_id: str
    identifier: str
    passed: bool
    latency: float
    """Milliseconds."""
    override_id: str
    """Empty when no override applied."""
    limit: int
    remaining: int
    """Never negative."""
    reset_at: int
    """Unix milliseconds."""
    tokens: int
    """Cost asked for, at least 1, whether it was allowed or not."""
