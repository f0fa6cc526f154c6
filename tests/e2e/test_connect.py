"""The generated clients over real sockets: every protocol, both codecs, HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import pytest
from connectrpc.client import ConnectClient
from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.protocol import ProtocolType
from pyqwest import Client as HttpClient
from pyqwest import HTTPTransport, HTTPVersion
from unkey_proto.unkey.apis.v2.apis_connect import ApisServiceClient
from unkey_proto.unkey.apis.v2.apis_pb import CreateApiRequest, DeleteApiRequest, GetApiRequest
from unkey_proto.unkey.common.v1.error_detail_pb import ErrorDetail
from unkey_proto.unkey.keys.v2.issuing_pb import CreateKeyRequest
from unkey_proto.unkey.keys.v2.keys_connect import KeysServiceClient
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessServiceClient
from unkey_proto.unkey.liveness.v2.liveness_pb import LivenessRequest
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitServiceClient
from unkey_proto.unkey.ratelimit.v2.ratelimit_pb import LimitRequest

from tests.e2e.troubles import Troubles
from unkey_api.dev.ports import free_ports

pytestmark = pytest.mark.e2e

RPC = TypeVar("RPC", bound=ConnectClient)
CODECS = {"proto": proto_binary_codec, "json": proto_json_codec}
COMBINATIONS = [
    (protocol, codec, version)
    for protocol in ProtocolType
    for codec in CODECS
    for version in (1, 2)
    # gRPC needs trailers, which HTTP/1.1 servers do not send.
    if (protocol, version) != (ProtocolType.GRPC, 1)
]


class Credential:
    """Adds the Authorization header to every call."""

    def __init__(self, root_key: str) -> None:
        self._value = f"Bearer {root_key}"

    async def on_start(self, ctx: Any) -> None:  # the context of a call of any type
        ctx.request_headers["authorization"] = self._value

    async def on_end(self, token: None, ctx: Any, error: Exception | None, /) -> None:
        """Nothing to undo."""


class Way:
    """One way to talk to the service."""

    def __init__(self, troubles: Troubles, combination: tuple[ProtocolType, str, int]) -> None:
        self._protocol, codec, version = combination
        self._codec = CODECS[codec]
        self.troubles = troubles
        self.address = troubles.base if version == 1 else troubles.http2
        self._http = HttpClient(
            HTTPTransport(http_version=HTTPVersion.HTTP1 if version == 1 else HTTPVersion.HTTP2, connect_timeout=2.0)
        )

    def client(self, kind: type[RPC], root_key: str | None = "", *, address: str = "") -> RPC:
        """Return a client that may do everything unless told otherwise; None sends no credential."""
        key = self.troubles.root_key if root_key == "" else root_key
        return kind(
            address or self.address,
            protocol=self._protocol,
            codec=self._codec(),
            http_client=self._http,
            interceptors=[] if key is None else [Credential(key)],
        )


@pytest.fixture(params=COMBINATIONS, ids=lambda c: f"{c[0].name.lower()}-{c[1]}-http{c[2]}")
def way(request: pytest.FixtureRequest, troubles: Troubles) -> Way:
    return Way(troubles, request.param)


async def refusal(call: Any) -> tuple[Code, ErrorDetail]:  # an awaitable of any answer
    with pytest.raises(ConnectError) as caught:
        await call
    detail = caught.value.details[0].value(ErrorDetail)
    assert detail is not None
    return caught.value.code, detail


async def test_a_key_from_making_to_verification(way: Way) -> None:
    api = await way.client(ApisServiceClient).create_api(CreateApiRequest(name="connect"))
    keys = way.client(KeysServiceClient)
    made = await keys.create_key(CreateKeyRequest(api_id=api.api_id, name="ünïcode", expires=4_070_908_800_000))
    answer = await keys.verify_key(VerifyKeyRequest(key=made.key))
    assert (answer.valid, answer.code, answer.key_id) == (True, "VALID", made.key_id)
    assert (answer.name, answer.expires) == ("ünïcode", 4_070_908_800_000)


async def test_an_operation_without_credential(way: Way) -> None:
    answer = await way.client(LivenessServiceClient, None).liveness(LivenessRequest())
    assert answer.message


async def test_calls_at_the_same_time(way: Way) -> None:
    keys = way.client(KeysServiceClient)
    answers = await asyncio.gather(*(keys.verify_key(VerifyKeyRequest(key=f"nothing-{i}")) for i in range(30)))
    assert {answer.code for answer in answers} == {"NOT_FOUND"}


async def test_a_broken_schema_lists_its_violations(way: Way) -> None:
    code, detail = await refusal(way.client(ApisServiceClient).create_api(CreateApiRequest(name="n" * 257)))
    assert (code, detail.urn) == (Code.INVALID_ARGUMENT, "err:unkey:application:invalid_input")
    assert [v.location for v in detail.violations] == ["/properties/name/maxLength"]
    assert detail.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("key", "code", "status"),
    [
        (None, Code.UNAUTHENTICATED, 400),
        ("unknown_key", Code.UNAUTHENTICATED, 401),
        ("powerless_key", Code.PERMISSION_DENIED, 403),
        ("throttled_key", Code.RESOURCE_EXHAUSTED, 429),
    ],
)
async def test_refused_credentials(way: Way, key: str | None, code: Code, status: int) -> None:
    root_key = None if key is None else getattr(way.troubles, key)
    found, detail = await refusal(way.client(ApisServiceClient, root_key).create_api(CreateApiRequest(name="name")))
    assert (found, detail.status) == (code, status)


async def test_refused_objects(way: Way) -> None:
    apis, limits = way.client(ApisServiceClient), way.client(RatelimitServiceClient)
    gone = LimitRequest(namespace=way.troubles.gone_namespace, identifier="u", limit=1, duration=60_000)
    met = [
        await refusal(apis.get_api(GetApiRequest(api_id="api_nothing"))),
        await refusal(limits.limit(gone)),
        await refusal(apis.delete_api(DeleteApiRequest(api_id=way.troubles.protected_api))),
    ]
    assert [(code, detail.status) for code, detail in met] == [
        (Code.NOT_FOUND, 404),
        (Code.NOT_FOUND, 410),
        (Code.FAILED_PRECONDITION, 412),
    ]


async def test_a_silent_service_is_a_deadline_exceeded(way: Way, black_hole: str) -> None:
    client = way.client(LivenessServiceClient, None, address=f"http://{black_hole}")
    with pytest.raises(ConnectError) as caught:
        await client.liveness(LivenessRequest(), timeout_ms=200)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_a_wrong_address_is_unavailable(way: Way) -> None:
    client = way.client(LivenessServiceClient, None, address=f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(ConnectError) as caught:
        await client.liveness(LivenessRequest())
    assert caught.value.code is Code.UNAVAILABLE
