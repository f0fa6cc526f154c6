"""`/debug/pprof/…` behind basic authentication (RFC 7617)."""

from __future__ import annotations

import base64
import hmac
import sys
from urllib.parse import parse_qs

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.core.secret import Secret
from unkey_api.profiling import Profiles
from unkey_api.rpc.errors import failure_of, fault_of
from unkey_api.rpc.http_json.encode import fault_body, fault_content_type
from unkey_api.rpc.request_state import Receive, RequestState, Send

PREFIX = "/debug/pprof/"
PROFILE_SECONDS = 30.0
HEAP_SECONDS = 5.0
_INDEX = b"""<!doctype html><title>profiles</title><ul>
<li><a href="profile?seconds=30">profile</a>: CPU, sampled for that long
<li><a href="heap?seconds=5">heap</a>: what is allocated and kept in that time
<li><a href="tasks">tasks</a>: where every task and thread is now
<li><a href="cmdline">cmdline</a></ul>
"""


GUESSES_AT_ONCE = 10
GUESSES_PER_SECOND = 0.1
ADDRESSES_MAX = 1_000
TOO_MANY_GUESSES = "Too many attempts failed. Try again in a minute."


class ProfilingDenied(AppError):
    """Wrong or missing credentials."""

    code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND


class _Guesses:
    """How often each address may still guess: buckets of tokens. Of very many addresses the oldest is forgotten."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def allowed(self, address: str, now: float) -> bool:
        """Return whether the address may try, at this monotonic moment."""
        return self._tokens(address, now) >= 1

    def failed(self, address: str, now: float) -> None:
        """Note a failure."""
        left = self._tokens(address, now) - 1
        if address not in self._left and len(self._left) >= ADDRESSES_MAX:
            del self._left[next(iter(self._left))]
        self._left[address] = (left, now)

    def _tokens(self, address: str, now: float) -> float:
        left, then = self._left.get(address, (float(GUESSES_AT_ONCE), now))
        return min(left + (now - then) * GUESSES_PER_SECOND, float(GUESSES_AT_ONCE))


class Pprof:
    """Serves profiles to whoever knows the password."""

    PATHS = tuple(PREFIX + name for name in ("", "profile", "heap", "tasks", "cmdline"))

    def __init__(self, profiles: Profiles, *, username: str, password: Secret) -> None:
        self._profiles = profiles
        self._expected = f"{username}:{password.reveal()}".encode()
        self._guesses = _Guesses()

    async def __call__(self, state: RequestState, receive: Receive, send: Send) -> None:
        """Answer one request."""
        state.quiet = True
        try:
            self._admit(state.header(b"authorization"), state)
        except ProfilingDenied as err:
            fault = fault_of(err, state.request_id)
            state.failure = failure_of(fault)
            body = fault_body(fault, state.request_id)
            content_type = fault_content_type(fault, state.header(b"accept"))
            await _send(state, send, 401, content_type, body, [(b"www-authenticate", b'Basic realm="pprof"')])
            return
        content_type, body = await self._profile(state)
        await _send(state, send, 200, content_type, body, [])

    async def _profile(self, state: RequestState) -> tuple[bytes, bytes]:
        binary = b"application/octet-stream"
        name = state.path.removeprefix(PREFIX)
        if name == "profile":
            return binary, await self._profiles.cpu(_seconds(state, PROFILE_SECONDS))
        if name == "heap":
            return binary, await self._profiles.heap(_seconds(state, HEAP_SECONDS))
        if name == "tasks":
            return binary, self._profiles.tasks()
        if name == "cmdline":
            # A configuration given as text on the command line may hold passwords.
            shown = ("[REDACTED]" if "=" in word or "\n" in word else word for word in sys.argv)
            return b"text/plain; charset=utf-8", "\0".join(shown).encode()
        return b"text/html; charset=utf-8", _INDEX

    def _admit(self, authorization: str | None, state: RequestState) -> None:
        if not authorization or not authorization.startswith("Basic "):
            raise ProfilingDenied("Basic authentication is required.")
        address, now = state.client_ip, state.started_at
        if not self._guesses.allowed(address, now):
            # Right or wrong: an answer that told the two apart would let the guessing go on.
            raise ProfilingDenied(TOO_MANY_GUESSES)
        if not hmac.compare_digest(_credentials(authorization), self._expected):
            self._guesses.failed(address, now)
            raise ProfilingDenied("Invalid username or password.")


def _credentials(authorization: str) -> bytes:
    """Return what stands behind `Basic`, empty when it cannot be read."""
    try:
        return base64.b64decode(authorization.removeprefix("Basic "), validate=True)
    except ValueError:
        return b""


def _seconds(state: RequestState, default: float) -> float:
    query = parse_qs(state.scope.get("query_string", b"").decode("latin-1"))
    try:
        return max(0.01, float(query["seconds"][0])) if "seconds" in query else default
    except ValueError:
        return default


async def _send(
    state: RequestState,
    send: Send,
    status: int,
    content_type: bytes,
    body: bytes,
    extra: list[tuple[bytes, bytes]],
) -> None:
    state.status = status
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
