"""Which requests leave a line in the log, and what it says."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from tests.support.clock import FixedClock
from tests.support.surface import ScriptedKeys, Surface
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.infra.telemetry.logging import ForwardingHandler, LogStyle, configure_logging
from unkey_api.rpc.observers.reports import REPEATS_AT_ONCE, RequestLog

VERIFY = "/v2/keys.verifyKey"
BODY = {"key": "sk_secret_of_the_caller"}


class NotFound(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


async def lines_of(surface: Surface, *, sample_rate: float = 1.0, drawn: float = 0.0) -> list[dict[str, Any]]:
    """Send one request and return the lines it left."""
    surface.observers = [RequestLog(sample_rate=sample_rate, slow_seconds=1.0, draw=lambda: drawn)]
    client = surface.build()
    with capture_logs() as lines:
        await client.post(VERIFY, BODY)
    return [dict(line) for line in lines]


async def test_success_leaves_none() -> None:
    assert await lines_of(Surface()) == []


async def test_server_error_leaves_one_with_everything_about_it() -> None:
    surface = Surface()
    surface.keys.answer = ServiceUnavailable("try later", internal="ratelimit backend offline: internal boom")
    (line,) = await lines_of(surface, sample_rate=0.5, drawn=0.9)
    assert (line["event"], line["log_level"]) == ("api error", "error")
    (error,) = line["errors"]
    assert error == {
        "code": "err:unkey:application:service_unavailable",
        "public": "try later",
        "internal": "ratelimit backend offline: internal boom",
    }
    assert (line["http"]["method"], line["http"]["path"], line["http"]["status_code"]) == ("POST", VERIFY, 500)
    assert line["http"]["request_id"].startswith("req_")
    assert line["http"]["ip_address"] == "203.0.113.9"
    assert (line["auth"]["workspace_id"], line["auth"]["subject"]) == ("ws_1", "key_1")


async def test_refusal_leaves_an_ordinary_line_and_no_error() -> None:
    surface = Surface()
    surface.keys.answer = NotFound("not there", internal="key_1 is deleted")
    (line,) = await lines_of(surface)
    assert (line["event"], line["log_level"]) == (f"POST {VERIFY}", "info")
    assert (line["http"]["status_code"], line["errors"][0]["internal"]) == (404, "key_1 is deleted")


@pytest.mark.parametrize(("drawn", "kept"), [(0.2, 1), (0.3, 0), (0.9, 0)])
async def test_refusals_are_sampled(drawn: float, kept: int) -> None:
    surface = Surface()
    surface.keys.answer = NotFound("not there")
    assert len(await lines_of(surface, sample_rate=0.3, drawn=drawn)) == kept


async def test_slow_request_is_kept_whatever_the_sample() -> None:
    surface = Surface()

    class Slow(ScriptedKeys):
        async def verify_key(self, request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
            surface.clock.advance(1_000)
            return await super().verify_key(request, ctx)

    surface.keys = Slow()
    (line,) = await lines_of(surface, sample_rate=0.0)
    assert (line["event"], line["log_level"], line["log_meta"]["duration_ms"]) == ("slow request", "warning", 1_000)


async def test_no_line_holds_a_body() -> None:
    for answer in (ServiceUnavailable("try later"), NotFound("not there"), RuntimeError("bug")):
        surface = Surface()
        surface.keys.answer = answer
        assert BODY["key"] not in repr(await lines_of(surface))


async def test_unauthenticated_request_has_no_caller() -> None:
    surface = Surface()
    surface.platform.principal = NotFound("who?")
    (line,) = await lines_of(surface)
    assert "auth" not in line


async def test_repeated_refusals_are_counted_not_written_and_the_next_line_says_how_many() -> None:
    surface = Surface()
    surface.keys.answer = NotFound("not there")
    log = RequestLog(sample_rate=1.0, slow_seconds=1.0, draw=lambda: 0.0)
    surface.observers = [log]
    client = surface.build()
    with capture_logs() as lines:
        for _ in range(REPEATS_AT_ONCE + 7):
            await client.post(VERIFY, BODY)
        assert len(lines) == REPEATS_AT_ONCE
        surface.keys.answer = ServiceUnavailable("try later")
        await client.post(VERIFY, BODY)
        assert lines[-1]["event"] == "api error"
        surface.keys.answer = NotFound("not there")
        surface.clock.advance(1_000)
        await client.post(VERIFY, BODY)
    assert len(lines) == REPEATS_AT_ONCE + 2
    assert lines[-1]["skipped"] == 7
    assert log.skipped == {("repeated", "err:unkey:data:key_not_found"): 7}


async def test_one_kind_of_refusal_does_not_silence_another() -> None:
    surface = Surface()
    log = RequestLog(sample_rate=1.0, slow_seconds=1.0, draw=lambda: 0.0)
    surface.observers = [log]
    client = surface.build()
    with capture_logs() as lines:
        for number in range(2 * REPEATS_AT_ONCE):
            await client.post(f"/made/up/{number}", BODY)
        assert len(lines) == REPEATS_AT_ONCE
        surface.keys.answer = NotFound("not there")
        await client.post(VERIFY, BODY)
    assert lines[-1]["event"] == f"POST {VERIFY}"
    assert log.skipped == {("repeated", "404"): REPEATS_AT_ONCE}


async def test_refusals_that_are_not_sampled_are_counted() -> None:
    surface = Surface()
    surface.keys.answer = NotFound("not there")
    log = RequestLog(sample_rate=0.5, slow_seconds=1.0, draw=lambda: 0.9)
    surface.observers = [log]
    await surface.build().post(VERIFY, BODY)
    assert log.skipped == {("sampled", "err:unkey:data:key_not_found"): 1}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logging(FixedClock(), style=LogStyle(), stream=out)
    yield out
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, ForwardingHandler)]:
        root.removeHandler(handler)


WORK_SECONDS = 2.0  # what each request below may cost; with the square of the text it would be minutes
LONG = 64_000
SHAPES = ["a", "a-", "token a-a-", "eyJ-", "a:b@", "é"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", ["/nope", VERIFY, "/unkey.keys.v2.KeysService/Nope"])
async def test_long_texts_of_strangers_cost_little_and_are_cut(path: str, shape: str, written: io.StringIO) -> None:
    surface = Surface()
    surface.observers = [RequestLog(sample_rate=1.0, slow_seconds=1.0, draw=lambda: 0.0)]
    client = surface.build()
    text = shape * (LONG // len(shape))
    headers = {"user-agent": text, "host": text, "referer": text, "content-type": text, "authorization": "Bearer x"}
    started = time.process_time()
    await client.post(path, b"", headers={k: v.encode().decode("latin-1") for k, v in headers.items()})
    if path == "/nope":
        await client.post(f"/{text}", b"", headers={})
    assert time.process_time() - started < WORK_SECONDS
    lines = written.getvalue().splitlines()
    assert lines
    assert max(map(len, lines)) < 6_000


async def test_ids_without_a_maximum_are_cut_where_they_are_quoted() -> None:
    surface = Surface()
    surface.keys.answer = NotFound("no key " + "secret x-y_" * 10_000, internal="x_y-" * 30_000)
    started = time.process_time()
    (line,) = await lines_of(surface)
    assert time.process_time() - started < WORK_SECONDS
    assert max(len(text) for text in line["errors"][0].values()) < 2_200


@pytest.mark.parametrize(
    "key", ["0af7651916cd43dd8448eb211c80319c", "unkey_3ZZ7faUrkfv1YAhffAcnKW", "A1-b2-C3-d4-E5-f6-G7"]
)
async def test_what_a_stranger_sends_is_written_without_keys(key: str) -> None:
    surface = Surface()
    surface.observers = [RequestLog(sample_rate=1.0, slow_seconds=1.0, draw=lambda: 0.0)]
    client = surface.build()
    with capture_logs() as lines:
        await client.post(f"/v2/{key}", BODY, headers={"user-agent": f"shop/1 {key}", "host": f"{key}.example"})
    (line,) = lines
    assert key not in repr(line)
    assert line["http"]["user_agent"] == "shop/1 ***"
