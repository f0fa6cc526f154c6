"""Answers of the protocol's own: for what is no request, does not come in time, or is one connection too many."""

from __future__ import annotations

from collections.abc import Callable

from unkey_api.rpc.asgi import Scope
from unkey_api.server.http1.answer import refusal
from unkey_api.server.http1.head import Fields, Peers, Refusal

CROWDED = Refusal(503, "crowded", "Too many connections. Try again in a second, or use the ones you have.")
SLOW_HEAD = Refusal(408, "slow_head", "The head of the request did not arrive in time.")
SLOW_BODY = Refusal(408, "slow_body", "The body of the request did not arrive in time.")
FAILED = Refusal(500, "failed", "Internal Server Error")
PLAIN = b"text/plain; charset=utf-8"

Form = Callable[[Scope, int, str], tuple[bytes, bytes] | None]
"""Puts a status and a sentence into the words of the application: content type and body.

Takes the scope of a request, or what is known of one that never was; returns None when it has no words of its own.
"""


def no_form(_scope: Scope, _status: int, _text: str) -> None:
    """Leave every refusal in plain text."""
    return


def unread_scope(method: str, target: bytes, fields: Fields, peers: Peers) -> Scope:
    """Return what is known of a request whose head was not read to its end: its path, and some of its fields."""
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": fields,
        "client": peers.client,
    }


def answer_to(scope: Scope | None, why: Refusal, form: Form, *, date: bytes) -> bytes:
    """Return the whole answer, after which the connection is closed; in plain text where nothing is known of it."""
    extra = ((b"retry-after", b"1"),) if why is CROWDED else ()
    formed = None if scope is None else form(scope, why.status, why.text)
    content_type, body = formed or (PLAIN, why.text.encode() + b"\n")
    return refusal(why.status, content_type, body, date=date, extra=extra)
