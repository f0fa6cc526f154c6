"""What every RPC client must see, whichever language and protocol it uses."""

from __future__ import annotations

SUCCESS = {
    "valid": True,
    "code": "VALID",
    "same": True,
    "name": "ünïcode",
    "expires": 4_070_908_800_000,
    "meta": {"plan": "pro"},
}
REFUSALS = {
    "schema": ("invalid_argument", 400, "invalid_input"),
    "no credential": ("unauthenticated", 400, "invalid_input"),
    "no such root key": ("unauthenticated", 401, "key_not_found"),
    "no permission": ("permission_denied", 403, "insufficient_permissions"),
    "unknown api": ("not_found", 404, "api_not_found"),
    "namespace deleted": ("not_found", 410, "ratelimit_namespace_gone"),
    "api protected": ("failed_precondition", 412, "protected_resource"),
    "workspace throttled": ("resource_exhausted", 429, "workspace_rate_limited"),
}
FAILURES = {"silent service": "deadline_exceeded", "wrong address": "unavailable"}
SCENARIOS = {"success", "limit"} | set(REFUSALS) | set(FAILURES)
