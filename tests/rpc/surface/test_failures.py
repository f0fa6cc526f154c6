"""What callers, logs and counters see when something below goes wrong: bugs, time-outs, clients that leave."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from tests.support.surface import Surface
from tests.support.waiting import eventually
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable

VERIFY = "/v2/keys.verifyKey"
RPC = "/unkey.keys.v2.KeysService/VerifyKey"
BOTH = pytest.mark.parametrize("path", [VERIFY, RPC])


@pytest.fixture
def surface() -> Surface:
    return Surface()


class TestBug:
    @BOTH
    async def test_caller_sees_one_fixed_sentence_and_the_original_is_reported_once(
        self, surface: Surface, path: str
    ) -> None:
        surface.keys.answer = RuntimeError("secret internals")
        answer = await surface.build().post(path, {"key": "a"})
        assert answer.status == 500
        assert b"An unexpected error occurred while processing your request." in answer.body
        assert b"secret internals" not in answer.body
        assert [str(p) for p in surface.panics] == ["secret internals"]
        assert len(surface.observer.completed) == 1

    async def test_an_answer_that_cannot_be_written_is_a_bug_too(self, surface: Surface) -> None:
        surface.keys.answer = object()  # type: ignore[assignment]  # what no handler should return
        answer = await surface.build().post(VERIFY, {"key": "a"})
        assert (answer.status, answer.json["error"]["status"]) == (500, 500)
        assert len(surface.panics) == 1


class TestDependency:
    @BOTH
    async def test_internal_text_stays_inside(self, surface: Surface, path: str) -> None:
        surface.keys.answer = ServiceUnavailable("try later", internal="mysql at 10.0.0.3 refused")
        answer = await surface.build().post(path, {"key": "a"})
        assert b"try later" in answer.body
        assert b"10.0.0.3" not in answer.body
        failure = surface.observer.completed[0].failure
        assert getattr(failure, "internal", "") == "mysql at 10.0.0.3 refused"

    async def test_http_json_answers_500_and_rpc_answers_unavailable(self, surface: Surface) -> None:
        surface.keys.answer = ServiceUnavailable("try later")
        client = surface.build()
        assert (await client.post(VERIFY, {"key": "a"})).status == 500
        answer = await client.post(RPC, {"key": "a"})
        assert (answer.status, answer.json["code"]) == (503, "unavailable")


class TestDeadline:
    @BOTH
    async def test_call_past_its_deadline_is_cancelled_and_answered_408(self, surface: Surface, path: str) -> None:
        surface.request_timeout = timedelta(milliseconds=20)
        surface.keys.waits_for = asyncio.Event()
        answer = await surface.build().post(path, {"key": "a"})
        assert surface.keys.cancelled == 1
        if path == VERIFY:
            assert answer.status == 408
            assert answer.json["error"]["type"].endswith("/user/bad_request/request_timeout")
            assert answer.json["error"]["errors"] == []
        else:
            assert answer.json["code"] == "deadline_exceeded"

    async def test_error_after_the_deadline_is_a_timeout_whatever_code_it_carries(self, surface: Surface) -> None:
        surface.request_timeout = timedelta(milliseconds=10)
        handler = surface.keys

        async def wrapping(request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as err:
                raise ServiceUnavailable("database gave up") from err
            return VerifyKeyResponse()

        handler.verify_key = wrapping  # type: ignore[method-assign]  # a handler of this test's own
        assert (await surface.build().post(VERIFY, {"key": "a"})).status == 408

    async def test_fast_failure_keeps_its_own_code(self, surface: Surface) -> None:
        class Gone(AppError):
            code = ErrorCode.DATA_RATELIMIT_NAMESPACE_GONE

        surface.keys.answer = Gone("gone")
        assert (await surface.build().post(VERIFY, {"key": "a"})).status == 410

    @BOTH
    async def test_a_call_that_still_waits_when_the_process_ends_is_answered(self, surface: Surface, path: str) -> None:
        surface.keys.waits_for = asyncio.Event()
        client = surface.build()
        call = asyncio.create_task(client.post(path, {"key": "a"}))
        await eventually(lambda: bool(surface.keys.requests))
        surface.application.give_up()
        answer = await call
        assert surface.keys.cancelled == 1
        assert (answer.status, b"The service is restarting." in answer.body) == (500 if path == VERIFY else 503, True)


class TestClientLeaves:
    async def test_running_call_is_cancelled_and_recorded_as_499_without_an_answer(self, surface: Surface) -> None:
        surface.keys.waits_for = asyncio.Event()
        hang_up = asyncio.Event()
        call = asyncio.create_task(surface.build().post(VERIFY, {"key": "a"}, hang_up=hang_up))
        await eventually(lambda: bool(surface.keys.requests))
        hang_up.set()
        answer = await call
        assert surface.keys.cancelled == 1
        assert answer.status == 0
        assert surface.observer.completed[0].status == 499

    async def test_leaving_counts_even_when_the_deadline_passes_meanwhile(self, surface: Surface) -> None:
        surface.request_timeout = timedelta(milliseconds=20)
        handler, hang_up = surface.keys, asyncio.Event()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 0.1

        async def stubborn(request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
            handler.requests.append(request)
            try:
                await asyncio.Event().wait()
            finally:
                await eventually(lambda: loop.time() > deadline)
            return VerifyKeyResponse()

        handler.verify_key = stubborn  # type: ignore[method-assign]  # a handler of this test's own
        call = asyncio.create_task(surface.build().post(VERIFY, {"key": "a"}, hang_up=hang_up))
        await eventually(lambda: bool(handler.requests))
        hang_up.set()
        assert (await call).status == 0
        assert surface.observer.completed[0].status == 499

    async def test_leaving_before_the_body_is_complete_is_recorded_as_499(self, surface: Surface) -> None:
        client = surface.build()
        hang_up = asyncio.Event()
        hang_up.set()
        answer = await client.post(VERIFY, b'{"key":', hang_up=hang_up, truncated=True)
        assert answer.status == 0
        assert surface.observer.completed[0].status == 499
        assert surface.keys.requests == []

    async def test_cancelling_the_server_task_still_reports_the_request(self, surface: Surface) -> None:
        surface.keys.waits_for = asyncio.Event()
        call = asyncio.create_task(surface.build().post(VERIFY, {"key": "a"}))
        await eventually(lambda: bool(surface.keys.requests))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert [e.status for e in surface.observer.completed] == [499]


class TestObservation:
    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            (VERIFY, b"{", 400),
            (RPC, b"{", 400),
            ("/unkey.keys.v2.KeysService/Nope", b"{}", 404),
            ("/unkey.nope.v2.NopeService/Nope", b"{}", 404),
            ("/v2/keys.nope", b"{}", 404),
        ],
    )
    async def test_requests_that_never_reach_a_handler_are_reported_with_an_id(
        self, surface: Surface, path: str, body: bytes, status: int
    ) -> None:
        await surface.build().post(path, body)
        [state] = surface.observer.completed
        assert state.status == status
        assert state.request_id.startswith("req_")
        assert surface.observer.begun == 1
