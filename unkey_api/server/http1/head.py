"""From a parsed head to an ASGI scope: what llhttp leaves to its users to check, and what they are told who fail it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import httptools

from unkey_api.rpc.request_state import Scope
from unkey_api.server.http1.connections import Form
from unkey_api.server.http1.request import refusal

Fields = list[tuple[bytes, bytes]]
Address = tuple[str, int] | None
SCOPE_VERSION = {"version": "3.0", "spec_version": "2.3"}
_HOST = re.compile(rb"[0-9A-Za-z\-._~%!$&'()*+,;=:\[\]]*")
FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
"""Fields that decide about more than the application."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of ours after which the connection is closed."""

    status: int
    """HTTP status."""
    reason: str
    """A word for the metric."""
    text: str
    """A sentence for the caller."""


CROWDED = Refusal(503, "crowded", "Too many connections. Try again in a second, or use the ones you have.")
SLOW_HEAD = Refusal(408, "slow_head", "The head of the request did not arrive in time.")
SLOW_BODY = Refusal(408, "slow_body", "The body of the request did not arrive in time.")
FAILED = Refusal(500, "failed", "Internal Server Error")
PLAIN = b"text/plain; charset=utf-8"


class Refused(Exception):
    """The input is refused."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        """Take what makes up the `Refusal`."""
        super().__init__(text)
        self.refusal = Refusal(status, reason, text)


@dataclass(frozen=True, slots=True)
class Peers:
    """What all requests of a connection have in common."""

    client: Address
    server: Address
    scheme: str


def peers_of(transport: asyncio.BaseTransport, scheme: str) -> Peers:
    """Return both ends of a transport, which have no addresses on a UNIX socket."""
    return Peers(_address_of(transport, "peername"), _address_of(transport, "sockname"), scheme)


def _address_of(transport: asyncio.BaseTransport, which: str) -> Address:
    found = transport.get_extra_info(which)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None


def check_framing(framing: Mapping[bytes, bytes], version: str) -> None:
    """Refuse what has no meaning, or two, in the `FRAMING` fields of a head. Raises `Refused`.

    llhttp has seen to lengths that contradict each other.
    """
    if version not in ("1.1", "1.0"):
        raise Refused(505, "version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    host = framing.get(b"host")
    if host is None:
        if version == "1.1":
            raise Refused(400, "host", "The request has no Host header; HTTP/1.1 requires exactly one.")
    elif not _is_host(host):
        raise Refused(400, "host", "The Host header is not a host with an optional port.")
    coding = framing.get(b"transfer-encoding")
    if coding is not None:
        if version == "1.0":
            raise Refused(400, "framing", "Transfer-Encoding does not exist in HTTP/1.0; use Content-Length.")
        if coding.lower() != b"chunked":
            raise Refused(501, "framing", "The only Transfer-Encoding understood here is chunked.")
    if framing.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise Refused(417, "expect", "The only expectation understood here is 100-continue.")


def body_length(framing: Mapping[bytes, bytes]) -> int:
    """Return how many bytes of body follow a head; -1 when it comes in chunks."""
    if b"content-length" in framing:
        return int(framing[b"content-length"])
    return -1 if b"transfer-encoding" in framing else 0


def scope_of(*, target: bytes, method: str, version: str, fields: Fields, peers: Peers) -> Scope:
    """Return the ASGI scope of a request; `raw_path` is the path as it came, still encoded. Raises `Refused`."""
    path, raw_path, query = _parts_of(target, method)
    return {
        "type": "http",
        "asgi": SCOPE_VERSION,
        "http_version": version,
        "server": peers.server,
        "client": peers.client,
        "scheme": peers.scheme,
        "root_path": "",
        "method": method,
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": fields,
    }


@lru_cache(maxsize=64)
def _parts_of(target: bytes, method: str) -> tuple[str, bytes, bytes]:
    """Return the path, the path as it came, and the query. Callers ask for the same few things again and again."""
    if target.startswith(b"/"):
        raw_path, _, query = target.partition(b"?")
        if b"#" in target:
            raise Refused(400, "target", "The request target must not have a fragment (#).")
    else:
        raw_path, query = _unusual(target, method)
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, query


@lru_cache(maxsize=64)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _unusual(target: bytes, method: str) -> tuple[bytes, bytes]:
    """Take apart a target that is no path: one for proxies, which is served as if it were for us, or an asterisk."""
    if target == b"*" and method == "OPTIONS":
        return b"*", b""
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        parsed = None
    if parsed is None or parsed.schema not in (b"http", b"https") or parsed.fragment:
        raise Refused(400, "target", "The request target must be a path that begins with a slash.")
    return parsed.path or b"/", parsed.query or b""


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
