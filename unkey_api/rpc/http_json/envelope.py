"""Failures as the HTTP/JSON surface tells them: `{meta, error}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from unkey_api.core.errors import ErrorCode
from unkey_api.core.text import shorten
from unkey_api.rpc.errors import ERRORS, VIOLATION_CHARS, ErrorEntry, Fault

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"
_WITH_VIOLATIONS = frozenset({400, 408, 413, 499})
_EARLY = {
    408: ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT,
    500: ErrorCode.APPLICATION_UNEXPECTED_ERROR,
    503: ErrorCode.APPLICATION_SERVICE_UNAVAILABLE,
}
_PROBLEM_ACCEPTING = frozenset({"application/problem+json", "application/*", "*/*"})


def fault_body(fault: Fault, request_id: str) -> bytes:
    """Return the body of a failure."""
    entry = fault.entry
    told = f" (the first {len(fault.violations)} of {len(fault.violations) + fault.omitted} errors are listed)"
    error: dict[str, Any] = {
        "title": entry.title,
        "detail": fault.public + told if fault.omitted else fault.public,
        "status": entry.status,
        "type": entry.type,
    }
    if entry.status in _WITH_VIOLATIONS:
        error["errors"] = [
            {
                "location": shorten(v.location, VIOLATION_CHARS),
                "message": shorten(v.message, VIOLATION_CHARS),
                **({"fix": v.fix} if v.fix else {}),
            }
            for v in fault.violations
        ]
    return orjson.dumps({"meta": {"requestId": request_id}, "error": error})


def early_entry(status: int) -> ErrorEntry:
    """Return what a request failed with that the protocol itself refused, before any operation was found."""
    return ERRORS[_EARLY.get(status, ErrorCode.APPLICATION_INVALID_INPUT)]


def early_body(status: int, text: str, request_id: str) -> bytes:
    """Return the body of such a failure. Its status may be one that no operation has."""
    title, kind = HTTPStatus(status).phrase, early_entry(status).type
    error: dict[str, Any] = {"title": title, "detail": text, "status": status, "type": kind}
    if status in _WITH_VIOLATIONS:
        error["errors"] = [{"location": "request", "message": text}]
    return orjson.dumps({"meta": {"requestId": request_id}, "error": error})


def fault_content_type(fault: Fault, accept: str | None) -> bytes:
    """Return `application/problem+json` for a caller that takes it, `application/json` otherwise (RFC 9457)."""
    if fault.plain_json or not accept:
        return JSON
    ranges = {item.partition(";")[0].strip().lower() for item in accept.split(",")}
    return PROBLEM_JSON if ranges & _PROBLEM_ACCEPTING else JSON
