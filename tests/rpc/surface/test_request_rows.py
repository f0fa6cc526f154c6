"""Which requests leave a row for analytics, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from tests.support.surface import ScriptedKeys, Surface
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.buffer import Offer
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.rpc.exchange import KEPT_BODY_BYTES, Exchange
from unkey_api.rpc.observers.request_rows import RequestRows, RowMaker

VERIFY = "/v2/keys.verifyKey"
HEADERS = {"content-type": "application/json", "authorization": "Bearer root_secret"}


class Missing(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


@dataclass
class Kept:
    """A sink that keeps everything."""

    requests: list[Exchange] = field(default_factory=list)

    def add(self, row: Exchange, /) -> Offer:
        self.requests.append(row)
        return Offer.BUFFERED

    async def rows(self) -> list[ApiRequestRow]:
        """Return the rows of what there is."""
        maker = RowMaker(Redactor(["key", "data.key"]), region="eu")
        return [maker.row(request) for request in self.requests]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def surface(kept: Kept) -> Surface:
    surface = Surface()
    surface.observers = [RequestRows(kept)]
    return surface


async def test_row_tells_all_about_the_request_and_no_secret(surface: Surface, kept: Kept) -> None:
    headers = HEADERS | {
        "cookie": "portal_session=secret",
        "proxy-authorization": "Basic secret",
        "x-forwarded-for": "198.51.100.1",
        "x-amzn-trace-id": "trace",
        "user-agent": "rows/1",
        "host": "api.test",
        "accept-language": "de",
    }
    surface.keys.answer = VerifyKeyResponse(code="VALID", valid=True)
    surface.proxies = ("203.0.113.0/24",)
    client = surface.build()
    await client.post(VERIFY, b'{ "key" : "the_secret" }', headers=headers, query="a=1&a=2&b=")
    (row,) = await kept.rows()
    assert (row.method, row.path, row.host, row.user_agent) == ("POST", VERIFY, "api.test", "rows/1")
    assert (row.query_string, row.query_params) == ("a=1&a=2&b=", {"a": ["1", "2"], "b": [""]})
    assert (row.workspace_id, row.region, row.ip_address) == ("ws_1", "eu", "198.51.100.1")
    assert (row.response_status, row.error, row.time) == (200, "", surface.clock.now_ms())
    assert row.request_id.startswith("req_")
    assert row.request_body == '{ "key" : "[REDACTED]" }'
    assert "VALID" in row.response_body
    shown = dict(line.split(": ", 1) for line in row.request_headers)
    assert shown == {
        "Content-Type": "application/json",
        "Authorization": "[REDACTED]",
        "Cookie": "[REDACTED]",
        "Proxy-Authorization": "[REDACTED]",
        "User-Agent": "rows/1",
        "Host": "api.test",
        "Accept-Language": "de",
    }
    assert "secret" not in repr(row).replace("REDACTED", "")


async def test_failures_leave_rows_with_their_internal_text(surface: Surface, kept: Kept) -> None:
    client = surface.build()
    for answer in (
        ServiceUnavailable("try later", internal="ratelimit backend offline: internal boom"),
        Missing("not there", internal="key_1 is deleted"),
    ):
        surface.keys.answer = answer
        await client.post(VERIFY, {"key": "a"}, headers=HEADERS)
    rows = await kept.rows()
    assert [(row.response_status, row.error) for row in rows] == [
        (500, "ratelimit backend offline: internal boom"),
        (404, "key_1 is deleted"),
    ]
    assert not any("boom" in row.response_body for row in rows)


async def test_refused_body_leaves_a_row_without_workspace_and_error(surface: Surface, kept: Kept) -> None:
    await surface.build().post(VERIFY, {}, headers=HEADERS)
    (row,) = await kept.rows()
    assert (row.response_status, row.workspace_id, row.error) == (400, "", "")


async def test_body_that_is_too_large_leaves_a_row(surface: Surface, kept: Kept) -> None:
    await surface.build().post(VERIFY, {"key": "k", "tags": ["t" * 3_000]}, headers=HEADERS)
    (row,) = await kept.rows()
    assert row.response_status == 413
    assert len(row.request_body) <= KEPT_BODY_BYTES


async def test_truncated_body_leaks_no_secret(surface: Surface, kept: Kept) -> None:
    await surface.build().post(VERIFY, b'{"key":"the_secret', headers=HEADERS)
    (row,) = await kept.rows()
    assert (row.response_status, "the_secret" in repr(row)) == (400, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/openapi.yaml"),
        ("GET", "/reference"),
        ("GET", "/health/ready"),
        ("GET", "/v2/liveness"),
        ("POST", "/v2/keys.nope"),
        ("GET", VERIFY),
    ],
)
async def test_these_leave_no_row(surface: Surface, kept: Kept, method: str, path: str) -> None:
    await surface.build().request(method, path, headers=HEADERS)
    assert kept.requests == []


async def test_latency_is_in_whole_milliseconds(surface: Surface, kept: Kept) -> None:
    class Slow(ScriptedKeys):
        async def verify_key(self, request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
            surface.clock.advance(250)
            return VerifyKeyResponse(code="VALID", valid=True)

    surface.keys = Slow()
    await surface.build().post(VERIFY, {"key": "a"}, headers=HEADERS)
    assert [row.service_latency for row in await kept.rows()] == [250]
