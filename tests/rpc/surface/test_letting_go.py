"""A request that failed leaves nothing behind that only the garbage collector would find, its body least of all."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from connectrpc.errors import ConnectError
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from tests.support.asgi import JSON_HEADERS, Client
from tests.support.surface import MAX_BODY, ScriptedKeys, Surface
from tests.support.waiting import eventually
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.core.principal import Principal
from unkey_api.rpc.request_state import RequestState

VERIFY = "/v2/keys.verifyKey"
RPC = "/unkey.keys.v2.KeysService/VerifyKey"
BOTH = pytest.mark.parametrize("path", [VERIFY, RPC])
TIMES = 5


class Unknown(AppError):
    code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND


class Forbidden(AppError):
    code = ErrorCode.AUTHORIZATION_FORBIDDEN


class Missing(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


@pytest.fixture
def surface() -> Surface:
    surface = Surface()
    surface.observer.completed = Forgetful()
    return surface


class Forgetful(list[RequestState]):
    """Remembers statuses instead of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def append(self, state: RequestState, /) -> None:
        self.statuses.append(state.status)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_behind() -> int:
    return sum(type(thing) is RequestState for thing in gc.get_objects())


async def fail(surface: Surface, client: Client, request: Callable[[], Awaitable[object]], status: int) -> None:
    """Make the request a few times and look for what stays."""
    before = left_behind()
    for _ in range(TIMES):
        await asyncio.create_task(_ignored(request))
    assert isinstance(surface.observer.completed, Forgetful)
    assert surface.observer.completed.statuses == [status] * TIMES
    await eventually(lambda: left_behind() <= before)  # a thread lets go of its last work a moment later


async def _ignored(request: Callable[[], Awaitable[object]]) -> None:
    await request()


@BOTH
@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (lambda: VerifyKeyResponse(code="VALID"), (200, 200)),
        (lambda: Missing("not there"), (404, 404)),
        (lambda: ServiceUnavailable("try later"), (500, 503)),
        (lambda: RuntimeError("a bug"), (500, 500)),
    ],
    ids=["success", "missing", "unavailable", "bug"],
)
async def test_after_what_the_handler_answers(
    path: str, answer: Callable[[], Any], statuses: tuple[int, int], surface: Surface
) -> None:
    surface.keys = Fresh(answer)
    surface.panics = Dropping()
    client = surface.build()
    await fail(surface, client, lambda: client.post(path, {"key": "a"}), statuses[path == RPC])


class Fresh(ScriptedKeys):
    """Makes its answer or failure anew for each request: one kept by the test would keep the frames it went through."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self._make = make
        self._fails = isinstance(make(), Exception)

    async def verify_key(self, request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
        if self._fails:
            raise self._make()
        made: VerifyKeyResponse = self._make()
        return made


@BOTH
async def test_after_a_failure_that_a_future_carried(path: str, surface: Surface) -> None:
    class Late(ScriptedKeys):
        async def verify_key(self, request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
            answer: asyncio.Future[VerifyKeyResponse] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(answer.set_exception, Missing("not there"))
            return await answer

    surface.keys = Late()
    client = surface.build()
    await fail(surface, client, lambda: client.post(path, {"key": "a"}), 404)


class Dropping(list[BaseException]):
    """The hook for bugs that only looks at them."""

    def append(self, error: BaseException, /) -> None:
        str(error)


@BOTH
@pytest.mark.parametrize(("refusal", "status"), [(Unknown, 401), (Forbidden, 403)])
async def test_after_a_caller_who_is_refused(
    path: str, refusal: type[AppError], status: int, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_authorization: str | None, _cookie: str | None) -> Principal:
        raise refusal("no")

    monkeypatch.setattr(surface.platform, "authenticate", refuse)
    client = surface.build()
    await fail(surface, client, lambda: client.post(path, {"key": "a"}), status)


@BOTH
@pytest.mark.parametrize(
    ("body", "headers", "statuses"),
    [
        (b"{", JSON_HEADERS, (400, 400)),
        (b'{"key":1}', JSON_HEADERS, (400, 400)),
        (b'{"key":""}', JSON_HEADERS, (400, 400)),
        (b"{}", {"content-type": "application/json"}, (400, 401)),
        (b'{"key":"%b"}' % (b"a" * MAX_BODY), JSON_HEADERS, (413, 429)),
        ([b'{"key":"', b"a" * MAX_BODY, b"a"], JSON_HEADERS, (413, 429)),
    ],
    ids=["no JSON", "wrong type", "broken rule", "no credential", "too large", "too large in chunks"],
)
async def test_after_a_body_that_is_refused(
    path: str, body: Any, headers: dict[str, str], statuses: tuple[int, int], surface: Surface
) -> None:
    client = surface.build()
    await fail(surface, client, lambda: client.post(path, body, headers=headers), statuses[path == RPC])


@BOTH
async def test_after_a_client_that_left(path: str, surface: Surface) -> None:
    client = surface.build()
    surface.keys.waits_for = asyncio.Event()

    async def leave() -> None:
        seen, hang_up = len(surface.keys.requests), asyncio.Event()
        call = asyncio.create_task(client.post(path, {"key": "a"}, hang_up=hang_up))
        await eventually(lambda: len(surface.keys.requests) > seen)
        hang_up.set()
        await call

    await fail(surface, client, leave, 499)


@BOTH
async def test_after_a_client_that_left_within_its_body(path: str, surface: Surface) -> None:
    client = surface.build()
    hang_up = asyncio.Event()
    hang_up.set()
    await fail(surface, client, lambda: client.post(path, b'{"key":', hang_up=hang_up, truncated=True), 499)


@BOTH
@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b'{"key":"%b"}' % (b"a" * 100_000), (400, 400)),
        (b'{"key":[%b]}' % b",".join([b"0"] * 5_000), (400, 400)),
        (b'{"key":[%b]}' % b",".join([b"0"] * 50_000), (413, 429)),
        (b'{"key":"' + b"a" * 100_000, (400, 400)),
    ],
    ids=["broken rule", "wrong type", "too many values", "no JSON"],
)
async def test_after_a_heavy_body_that_is_refused(
    path: str, body: bytes, statuses: tuple[int, int], surface: Surface
) -> None:
    surface.max_body = 1_000_000
    client = surface.build()
    await fail(surface, client, lambda: client.post(path, body), statuses[path == RPC])


async def test_after_a_call_in_no_encoding_there_is(surface: Surface) -> None:
    client = surface.build()
    headers = JSON_HEADERS | {"content-type": "text/none"}
    await fail(surface, client, lambda: client.post(RPC, {"key": "a"}, headers=headers), 415)


async def test_after_a_refusal_of_the_health_service(surface: Surface) -> None:
    client = surface.build()
    before = sum(type(thing) is ConnectError for thing in gc.get_objects())
    for _ in range(TIMES):
        answer = await client.post("/grpc.health.v1.Health/Check", {"service": "nobody.knows"})
        assert answer.status == 404
    assert sum(type(thing) is ConnectError for thing in gc.get_objects()) <= before
