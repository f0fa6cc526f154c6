"""Call the service with Google's protobuf and grpcio, from stubs generated for the occasion.

    python client.py FOLDER_WITH_STUBS < input.json

A program of its own: Google's protobuf and the service's runtime both want to own the descriptors of google.protobuf.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any  # generated modules have no types

sys.path.insert(0, sys.argv[1])

import grpc
from google.rpc import status_pb2

Json = dict[str, Any]
LONG = 20.0
given: Json = json.load(sys.stdin)
channel = grpc.insecure_channel(given["http2"].removeprefix("http://"))


def stub(area: str, service: str, on: grpc.Channel = channel) -> Any:
    """Return the stub of a service."""
    return getattr(import_module(f"unkey.{area}.v2.{area}_pb2_grpc"), f"{service}Stub")(on)


def message(module: str, name: str, /, **fields: Any) -> Any:
    """Return a message."""
    return getattr(import_module(f"unkey.{module}_pb2"), name)(**fields)


def bearer(key: str = "") -> list[tuple[str, str]]:
    """Return metadata with a credential."""
    return [("authorization", f"Bearer {key or given['root_key']}")]


def create_api(name: str = "grpc", **options: Any) -> Any:
    """Create an API."""
    request = message("apis.v2.apis", "CreateApiRequest", name=name)
    return stub("apis", "ApisService").CreateApi(request, **({"metadata": bearer(), "timeout": LONG} | options))


def create_key(**fields: Any) -> Any:
    """Create a key in a fresh API."""
    request = message("keys.v2.issuing", "CreateKeyRequest", api_id=create_api().api_id, **fields)
    return stub("keys", "KeysService").CreateKey(request, metadata=bearer(), timeout=LONG)


def verify(secret: str, **options: Any) -> Any:
    """Verify a key."""
    request = message("keys.v2.verification", "VerifyKeyRequest", key=secret)
    return stub("keys", "KeysService").VerifyKey(request, **({"metadata": bearer(), "timeout": LONG} | options))


def success() -> Json:
    """A key with everything in it comes back on verification, 64-bit numbers and free JSON included."""
    structure = import_module("google.protobuf.struct_pb2").Struct()
    structure.update({"plan": "pro", "list": [1.5, None]})
    made = create_key(name="ünïcode", expires=4_070_908_800_000, meta=structure)
    answer = verify(made.key)
    return {
        "valid": answer.valid,
        "code": answer.code,
        "same": answer.key_id == made.key_id,
        "name": answer.name,
        "expires": answer.expires,
        "plan": answer.meta["plan"],
    }


def limit() -> Json:
    """A limit counts."""
    fields = {"namespace": "grpc", "identifier": "u", "limit": 2, "duration": 60_000}
    request = message("ratelimit.v2.ratelimit", "LimitRequest", **fields)
    answer = stub("ratelimit", "RatelimitService").Limit(request, metadata=bearer(), timeout=LONG)
    return {"success": answer.success, "remaining": answer.remaining}


def request_id_is_in_the_metadata() -> Json:
    """Headers of the answer carry the request id."""
    request = message("apis.v2.apis", "CreateApiRequest", name="grpc")
    _, call = stub("apis", "ApisService").CreateApi.with_call(request, metadata=bearer(), timeout=LONG)
    headers = dict(call.initial_metadata())
    return {"prefix": headers.get("unkey-request-id", "")[:4]}


def many_at_once() -> Json:
    """One connection carries many calls at a time."""
    secret = create_key().key
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: verify(secret).valid, range(200)))
    return {"valid": sum(answers)}


def early_answers_spare_the_connection() -> Json:
    """Calls refused before their bodies arrived leave other calls on the same connection alone."""
    secret, padding = create_key().key, "n" * 50_000

    def one(number: int) -> bool:
        if number % 2:
            return verify(secret).valid is True
        refused = run(lambda: create_api(padding, metadata=[]))
        return bool(refused["error"]["code"] == "UNAUTHENTICATED")

    with ThreadPoolExecutor(20) as pool:
        return {"as expected": sum(pool.map(one, range(100)))}


def compressed() -> Json:
    """A compressed request is understood."""
    return {"made": bool(create_api(compression=grpc.Compression.Gzip).api_id)}


def gone_namespace() -> Any:
    fields = {"namespace": given["gone_namespace"], "identifier": "u", "limit": 2, "duration": 60_000}
    request = message("ratelimit.v2.ratelimit", "LimitRequest", **fields)
    return stub("ratelimit", "RatelimitService").Limit(request, metadata=bearer(), timeout=LONG)


def unknown_api() -> Any:
    request = message("apis.v2.apis", "GetApiRequest", api_id="api_nothing")
    return stub("apis", "ApisService").GetApi(request, metadata=bearer(), timeout=LONG)


def protected_api() -> Any:
    request = message("apis.v2.apis", "DeleteApiRequest", api_id=given["protected_api"])
    return stub("apis", "ApisService").DeleteApi(request, metadata=bearer(), timeout=LONG)


def unknown_method() -> Any:
    call = channel.unary_unary("/unkey.apis.v2.ApisService/Nothing")
    return call(b"", metadata=bearer(), timeout=LONG)


def unknown_service() -> Any:
    return channel.unary_unary("/unkey.nothing.v2.Nothing/Nothing")(b"", metadata=bearer(), timeout=LONG)


def not_protobuf() -> Any:
    return channel.unary_unary("/unkey.apis.v2.ApisService/CreateApi")(b"\xff\xff", metadata=bearer(), timeout=LONG)


def silent_service() -> Any:
    with grpc.insecure_channel(given["silent"]) as elsewhere:
        request = message("liveness.v2.liveness", "LivenessRequest")
        return stub("liveness", "LivenessService", elsewhere).Liveness(request, timeout=0.3)


def wrong_address() -> Any:
    with grpc.insecure_channel(given["nowhere"]) as elsewhere:
        request = message("apis.v2.apis", "CreateApiRequest", name="grpc")
        return stub("apis", "ApisService", elsewhere).CreateApi(request, timeout=5.0)


SCENARIOS: dict[str, Callable[[], Any]] = {
    "success": success,
    "limit": limit,
    "request id": request_id_is_in_the_metadata,
    "many at once": many_at_once,
    "early answers": early_answers_spare_the_connection,
    "compressed": compressed,
    "schema": lambda: create_api("n" * 257),
    "no credential": lambda: create_api(metadata=[]),
    "no such root key": lambda: create_api(metadata=bearer(given["unknown_key"])),
    "no permission": lambda: create_api(metadata=bearer(given["powerless_key"])),
    "unknown api": unknown_api,
    "namespace deleted": gone_namespace,
    "api protected": protected_api,
    "workspace throttled": lambda: create_api(metadata=bearer(given["throttled_key"])),
    "unknown method": unknown_method,
    "unknown service": unknown_service,
    "not protobuf": not_protobuf,
    "body too large": lambda: create_api("n" * 2_000_000),
    "deadline": lambda: create_api(timeout=0.000_1),
    "silent service": silent_service,
    "wrong address": wrong_address,
}


def detail_of(error: Any) -> Json:
    """Return the error detail from the trailers."""
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get("grpc-status-details-bin")
    if packed is None:
        return {}
    detail = import_module("unkey.common.v1.error_detail_pb2").ErrorDetail()
    status_pb2.Status.FromString(packed).details[0].Unpack(detail)
    return {"urn": detail.urn, "status": detail.status, "locations": [v.location for v in detail.violations]}


def run(scenario: Callable[[], Any]) -> Json:
    """Return what a scenario found, or the error it met."""
    try:
        return {"value": scenario()}
    except grpc.RpcError as error:
        return {"error": {"code": error.code().name, "message": error.details(), **detail_of(error)}}


json.dump({name: run(scenario) for name, scenario in SCENARIOS.items()}, sys.stdout, default=str)
channel.close()
