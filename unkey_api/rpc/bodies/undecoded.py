"""Messages of the RPC surface that are decoded within the chain.

The runtime decodes as soon as it has a message, before anybody has seen who sends it, and tells failures in its own
words. Its codecs are therefore replaced by ones that only wrap what came, and the first step of the chain that needs
a message decodes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from connectrpc.codec import Codec, proto_binary_codec, proto_json_codec
from connectrpc.compression.gzip import GzipCompression

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.bodies.admission import Admission, too_many_values, unpack_within
from unkey_api.rpc.bodies.budget import LIGHT_UNSEEN_BYTES, LIGHT_VALUES
from unkey_api.rpc.bodies.encodings import gunzip
from unkey_api.rpc.bodies.json_text import NotExpressible, NotJson, read_json
from unkey_api.rpc.bodies.protojson import integer_check
from unkey_api.rpc.bodies.weight import binary_plan, json_holds_more
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.method import AnyMessage, MethodSpec
from unkey_api.rpc.request_state import RequestState

VIOLATIONS_MAX = 10


class Undecoded:
    """A message as it came."""

    __slots__ = ("data", "is_json", "is_packed")

    def __init__(self, data: bytes, *, is_json: bool, is_packed: bool) -> None:
        self.data = data
        self.is_json = is_json
        self.is_packed = is_packed


class _Packed(bytes):
    """What came packed with gzip."""


class LateGzip(GzipCompression):
    """Packs answers; leaves unpacking to the chain, where its size is bounded by what the caller has earned."""

    def decompress(self, data: bytes | bytearray | memoryview, read_max_bytes: int | None = None) -> bytes:
        """Return the data as it is, marked as packed."""
        return _Packed(data)


class LateCodec:
    """A codec that encodes like another and does not decode."""

    def __init__(self, codec: Codec[Any, Any], *, is_json: bool) -> None:  # Any: messages of all types
        self._codec = codec
        self._is_json = is_json
        self.encode: Callable[[Any], bytes] = codec.encode

    def name(self) -> str:
        """Return the name in content types."""
        return self._codec.name()

    def decode(self, data: bytes | bytearray, message_class: type[Any]) -> Any:  # an `Undecoded`
        """Wrap the data."""
        return Undecoded(bytes(data), is_json=self._is_json, is_packed=isinstance(data, _Packed))


def late_codecs() -> tuple[LateCodec, ...]:
    """Return the codecs of both encodings."""
    return (LateCodec(proto_binary_codec(), is_json=False), LateCodec(proto_json_codec(), is_json=True))


class MessageDecoder:
    """Decodes the messages of one method."""

    def __init__(self, spec: MethodSpec, admission: Admission) -> None:
        message = spec.info.input
        self._from_json: Callable[..., AnyMessage] = message.from_json
        # Of a heavy body the text is not parsed a second time: with many escapes that is 100 ms that hold everybody up.
        self._from_value: Callable[..., AnyMessage] = message._from_json_value  # noqa: SLF001 - the package is pinned
        self._from_binary: Callable[[bytes], AnyMessage] = message.from_binary
        self._check_integers = integer_check(message.desc())
        self._plan = binary_plan(message.desc())
        self._admission = admission

    async def decode(self, state: RequestState, undecoded: Undecoded) -> AnyMessage:
        """Return the message. Raises what `read_body` raises, and a `Fault` that names what is wrong in it."""
        data, admission = undecoded.data, self._admission
        if undecoded.is_packed:
            data = await unpack_within(state, admission, data, gunzip)
        holds_more = json_holds_more if undecoded.is_json else self._plan.holds_more
        if len(data) > LIGHT_UNSEEN_BYTES and state.share is None and holds_more(data, LIGHT_VALUES):
            await admission.weigh_in(state)
        decode = self._decode_json if undecoded.is_json else self._decode_binary
        if state.share is None:
            return decode(state, data)
        return await admission.run(state, partial(decode, state, data))

    def _decode_json(self, state: RequestState, body: bytes) -> AnyMessage:
        most = self._admission.limits.values
        if state.share is not None and json_holds_more(body, most):
            raise too_many_values(state, most)
        try:
            document, body = read_json(body)
            found: list[Violation] = []
            self._check_integers(document, "", found)
            if found:
                raise _refused(state, *found[:VIOLATIONS_MAX])
            if state.share is not None:
                return self._from_value(document, ignore_unknown_fields=True)
            return self._from_json(body, ignore_unknown_fields=True)
        except NotExpressible as err:
            raise _refused(state, err.violation) from err
        except NotJson as err:
            raise _refused(state, Violation("requestBody", f"The request body cannot be decoded: {err}")) from err
        except (ValueError, TypeError, OverflowError, RecursionError) as err:
            raise _undecodable(state, err) from err

    def _decode_binary(self, state: RequestState, body: bytes) -> AnyMessage:
        most = self._admission.limits.values
        if state.share is not None and self._plan.holds_more(body, most):
            raise too_many_values(state, most)
        try:
            return self._from_binary(body)
        except (ValueError, TypeError, OverflowError, RecursionError, EOFError) as err:
            raise _undecodable(state, err) from err


def _undecodable(state: RequestState, error: Exception) -> Fault:
    return _refused(state, Violation("requestBody", f"The request body cannot be decoded: {shorten(str(error))}"))


def _refused(state: RequestState, *violations: Violation) -> Fault:
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"the message of {state.shown_path} is invalid: {violations[0].message}",
        request_id=state.request_id,
        violations=violations,
        plain_json=True,
    )
