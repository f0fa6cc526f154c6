"""Health and reflection, as gRPC's own Python clients ask for them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, fetch, serving
from unkey_api.rpc.grpc_services import REFLECTION, REFLECTION_REQUESTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
KEYS = "unkey.keys.v2.KeysService"
SECONDS = 20.0
# Without a retry of grpcio's own, so that what the service says is what is seen.
OPTIONS = [("grpc.enable_retries", 0)]


@pytest.fixture
def channel(served: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.service.http2_address, options=OPTIONS) as opened:
        yield opened


def asking(service: str) -> Any:  # gRPC's messages have no types
    return health_pb2.HealthCheckRequest(service=service)


class TestHealth:
    @pytest.mark.parametrize("service", ["", KEYS, "grpc.health.v1.Health", *REFLECTION])
    def test_every_service_is_serving(self, channel: grpc.Channel, service: str) -> None:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(asking(service), timeout=SECONDS).status == SERVING

    def test_a_service_that_is_not_here_is_not_found(self, channel: grpc.Channel) -> None:
        health = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(asking("unkey.nope.v2.NopeService" * 50), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert len(caught.value.details()) < 200

    def test_all_are_listed(self, channel: grpc.Channel) -> None:
        health = health_pb2_grpc.HealthStub(channel)
        listed = health.List(health_pb2.HealthListRequest(), timeout=SECONDS).statuses
        assert {"", KEYS} <= set(listed)
        assert all(each.status == SERVING for each in listed.values())

    def test_whoever_watches_what_is_not_here_is_told_so(self, channel: grpc.Channel) -> None:
        watching = health_pb2_grpc.HealthStub(channel).Watch(asking("nope"), timeout=SECONDS)
        assert next(watching).status == UNKNOWN
        watching.cancel()

    def test_a_watcher_hears_of_the_stop(self, served_database: str, redis_server: RedisServer, tmp_path: Path) -> None:
        options = ServeOptions(database=served_database, redis=redis_server.url)
        with serving(options, tmp_path) as service, grpc.insecure_channel(service.http2_address) as channel:
            watching = health_pb2_grpc.HealthStub(channel).Watch(asking(KEYS), timeout=SECONDS)
            assert next(watching).status == SERVING
            service.signal(signal.SIGTERM)
            assert [each.status for each in watching] == [NOT_SERVING]


class TestReflection:
    def test_services_are_listed_and_described(self, channel: grpc.Channel) -> None:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {KEYS, "grpc.health.v1.Health", *REFLECTION} <= set(database.get_services())
        service = DescriptorPool(database).FindServiceByName(KEYS)
        method = service.FindMethodByName("VerifyKey")
        assert method.input_type.fields_by_name["key"].number == 1

    def test_the_newer_name_is_served_as_well(self, channel: grpc.Channel) -> None:
        """The messages of both names are the same on the wire."""
        call = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        [answer] = call(iter(asked), timeout=SECONDS)
        assert KEYS in {each.name for each in answer.list_services_response.service}

    def test_requests_on_one_stream_are_bounded(self, channel: grpc.Channel) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = (reflection_pb2.ServerReflectionRequest(list_services="") for _ in range(REFLECTION_REQUESTS + 1))
        answers = stub.ServerReflectionInfo(asked, timeout=SECONDS)
        with pytest.raises(grpc.RpcError) as caught:
            assert len(list(answers)) <= REFLECTION_REQUESTS
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


class TestRefusals:
    """What a gRPC client makes of calls with very much that is wrong."""

    @pytest.mark.parametrize("number", [1, 60, 100, 2_000])
    async def test_many_mistakes_are_an_invalid_argument(self, served: Served, number: int) -> None:
        await self._refused(served, "SetPermissions", b"\x0a\x07abc_def" + b"\x12\x02\xc3\xa9" * number)

    @pytest.mark.parametrize("letters", [1, 8_000, 200_000])
    async def test_a_long_refused_value_is_an_invalid_argument(self, served: Served, letters: int) -> None:
        text = "é".encode() * letters
        size = len(text)
        length = b""
        while size > 0x7F:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        await self._refused(served, "SetPermissions", b"\x0a" + length + bytes([size]) + text)

    async def _refused(self, served: Served, method: str, message: bytes) -> None:
        caller = await served.admin()
        metadata = (("authorization", f"Bearer {caller.root_key}"),)
        async with grpc.aio.insecure_channel(served.service.http2_address) as channel:
            call = channel.unary_unary(f"/{KEYS}/{method}", request_serializer=bytes, response_deserializer=bytes)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(message, metadata=metadata, timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class TestHttp1OnThePort:
    def test_it_is_served(self, served: Served) -> None:
        assert fetch(f"{served.service.http2}/health/live")[0] == 200

    async def test_an_offered_upgrade_is_not_followed_and_the_body_is_kept(self, served: Served) -> None:
        """As Java's client sends it; the answer is that of the operation."""
        caller = await served.admin()
        headers = {
            "authorization": f"Bearer {caller.root_key}",
            "connection": "Upgrade, HTTP2-Settings",
            "upgrade": "h2c",
            "http2-settings": "AAMAAABkAAQAAP__",
        }
        status, answer = fetch(f"{served.service.http2}/v2/apis.createApi", {"name": "upgraded"}, headers)
        assert (status, "apiId" in answer) == (200, True)
