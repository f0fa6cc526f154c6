"""Which requests leave a row for analytics, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from tests.support.surface import ScriptedKeys, Surface
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import Offer
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.rpc.observers.reports import RequestMetrics, RequestRows, RowMaker
from unkey_api.rpc.observers.stored_text import REFUSED_MAX
from unkey_api.rpc.request_state import KEPT_BODY_BYTES, RequestState

VERIFY = "/v2/keys.verifyKey"
RPC = "/unkey.keys.v2.KeysService/VerifyKey"
HEADERS = {"content-type": "application/json", "authorization": "Bearer root_secret"}


class Missing(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


@dataclass
class Kept:
    """A sink that keeps everything."""

    requests: list[RequestState] = field(default_factory=list)

    def add(self, row: RequestState, /) -> Offer:
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


SECRET = "unkey_3ZZ7faUrkfv1YAhffAcnKW"
BYTES_OF_SECRET = SECRET.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"key=" + BYTES_OF_SECRET,
        b"{'key':'" + BYTES_OF_SECRET + b"'}",
        b'{"key":"' + BYTES_OF_SECRET,
        b'{"key":"hunter2",}',
        b"\xff\xfe" + BYTES_OF_SECRET,
    ],
)
async def test_of_a_body_that_is_no_json_only_the_size_is_kept(surface: Surface, kept: Kept, body: bytes) -> None:
    await surface.build().post(VERIFY, body, headers=HEADERS)
    (row,) = await kept.rows()
    assert row.response_status == 400
    assert row.request_body == f"[{len(body)} bytes that are no valid request]"
    assert SECRET not in repr(row)
    assert "hunter2" not in repr(row)


@pytest.mark.parametrize(
    ("body", "kept_body"),
    [
        (b'{"Key":"hunter2"}', '{"Key":"[REDACTED]"}'),
        (b'"hunter2"', '"[REDACTED]"'),
        (b'[{"key":"hunter2", "n" : 1}]', '[{"key":"[REDACTED]", "n" : 1}]'),
        (b'{"key":"k","tags":["hunter2"],"extra":{"a":"hunter2"}}', None),
        (b'{"key":"k","extra":["hunter 2 \\"hunter2\\""]}', None),
        (b'{"' + BYTES_OF_SECRET + b'":1}', '{"[REDACTED]":1}'),
        (b'{"key":"k","migrationId":"' + b"hunter2" * 60 + b'"}', None),
    ],
)
async def test_of_a_body_that_breaks_a_rule_no_text_is_kept(
    surface: Surface, kept: Kept, body: bytes, kept_body: str | None
) -> None:
    await surface.build().post(VERIFY, body, headers=HEADERS)
    (row,) = await kept.rows()
    assert row.response_status == 400
    assert "hunter2" not in row.request_body
    assert SECRET not in repr(row)
    assert kept_body in {None, row.request_body}


async def test_value_that_an_answer_quotes_is_not_kept(surface: Surface, kept: Kept) -> None:
    answer = await surface.build().post("/v2/keys.updateKey", {"keyId": "hunter 2!"}, headers=HEADERS)
    assert "'hunter 2!' does not match pattern" in answer.body.decode()
    (row,) = await kept.rows()
    assert "hunter" not in repr(row)
    assert "'[REDACTED]' does not match pattern" in row.response_body


@pytest.mark.parametrize(
    "body",
    [
        {"key": "k", "tags": [SECRET]},
        {"key": "k", "migrationId": SECRET},
        {"key": "k", "tags": ["0af7651916cd43dd8448eb211c80319c"]},
    ],
)
async def test_key_in_a_field_for_something_else_is_told_by_its_shape(
    surface: Surface, kept: Kept, body: dict[str, object]
) -> None:
    answer = await surface.build().post(VERIFY, body, headers=HEADERS)
    assert answer.status == 200
    (row,) = await kept.rows()
    assert not [text for text in (SECRET, "0af7651916cd43dd8448eb211c80319c") if text in repr(row)]
    assert "[REDACTED]" in row.request_body


async def test_key_written_in_escapes_is_told_by_its_meaning(surface: Surface, kept: Kept) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    answer = await surface.build().post(VERIFY, f'{{"key":"k","tags":["{escaped}"]}}'.encode(), headers=HEADERS)
    assert answer.status == 200
    (row,) = await kept.rows()
    assert row.request_body == '{"key":"[REDACTED]","tags":["[REDACTED]"]}'


@pytest.mark.parametrize(
    ("query", "stored"),
    [
        (f"a=1&x={SECRET}", "a=1&x=[REDACTED]"),
        ("key=hunter2&b=2", "key=[REDACTED]&b=2"),
        ("api%4Bey=hunter2", "api%4Bey=[REDACTED]"),
        (SECRET, "[REDACTED]"),
        ("x=" + "".join(f"%{ord(letter):02x}" for letter in SECRET), "x=[REDACTED]"),
        ("x=" + "".join(f"%25{ord(letter):02x}" for letter in SECRET), "x=[REDACTED]"),
        ("access_token=hunter2&code=hunter2", "access_token=[REDACTED]&code=[REDACTED]"),
    ],
)
async def test_query_is_kept_without_secrets(surface: Surface, kept: Kept, query: str, stored: str) -> None:
    await surface.build().post(VERIFY, {"key": "k"}, headers=HEADERS, query=query)
    (row,) = await kept.rows()
    assert row.query_string == stored
    assert not [text for text in (SECRET, "hunter2") if text in repr(row)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-api-key", "hunter2"),
        ("x-auth", "hunter2"),
        ("x-access-token", "hunter2"),
        ("x-session-id", "hunter2"),
        ("x-client-secret", "hunter2"),
        ("x-whatever", SECRET),
        ("referer", f"https://shop.example/?k={SECRET}"),
        ("user-agent", f"shop/1 ({SECRET})"),
        ("accept", f"text/{SECRET}"),
        ("host", f"{SECRET}.example"),
        (SECRET.lower().replace("_", "-"), "x"),
    ],
)
async def test_headers_are_kept_without_secrets(surface: Surface, kept: Kept, name: str, value: str) -> None:
    await surface.build().post(VERIFY, {"key": "k"}, headers=HEADERS | {name: value})
    (row,) = await kept.rows()
    assert not [text for text in (SECRET, "hunter2", SECRET.lower().replace("_", "-")) if text in repr(row).lower()]
    assert SECRET not in repr(row)
    assert "[REDACTED]" in "".join(row.request_headers)


async def test_headers_of_ours_and_of_traces_are_kept(surface: Surface, kept: Kept) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await surface.build().post(VERIFY, {"key": "k"}, headers=HEADERS | {"traceparent": parent, "x-unkey-client": "a"})
    (row,) = await kept.rows()
    assert {f"Traceparent: {parent}", "X-Unkey-Client: a"} <= set(row.request_headers)


async def test_every_header_that_was_sent_is_in_the_row_on_both_surfaces(surface: Surface, kept: Kept) -> None:
    surface.platform.throttle_headers = [(b"ratelimit-limit", b"5")]
    client = surface.build()
    await client.post(VERIFY, {"key": "k"}, headers=HEADERS)
    await client.post(RPC, b'{"key":"k"}', headers=HEADERS)
    await client.post(RPC, b"\x0a\x01k", headers=HEADERS | {"content-type": "application/proto"})
    await client.post(VERIFY, {}, headers=HEADERS)
    await client.post("/unkey.keys.v2.KeysService/Nope", b"{}", headers=HEADERS)
    ours, json, proto, refused, unknown = (
        dict(line.split(": ", 1) for line in row.response_headers) for row in await kept.rows()
    )
    assert ours["Content-Type"] == json["Content-Type"] == refused["Content-Type"] == unknown["Content-Type"]
    assert ours["Content-Type"] == "application/json"
    assert proto["Content-Type"] == "application/proto"
    assert {"Content-Length", "Ratelimit-Limit"} <= ours.keys()
    assert {"Unkey-Request-Id", "Ratelimit-Limit"} <= json.keys()


async def test_secret_in_the_path_of_an_unknown_procedure_is_not_kept(surface: Surface, kept: Kept) -> None:
    await surface.build().post(f"/unkey.keys.v2.KeysService/{SECRET}", b"{}", headers=HEADERS)
    (row,) = await kept.rows()
    assert SECRET not in repr(row)


@pytest.mark.parametrize("valid", [True, False])
async def test_of_a_long_body_that_is_refused_only_the_size_is_kept(
    surface: Surface, kept: Kept, *, valid: bool
) -> None:
    surface.max_body = 1_000_000
    body = b'{"key":%b%b}' % (b'"k"' if valid else b"7", b" " * REFUSED_MAX)
    await surface.build().post(VERIFY, body, headers=HEADERS)
    (row,) = await kept.rows()
    assert ("no valid request" in row.request_body) is not valid


async def test_bodies_are_cut_when_the_request_is_over(surface: Surface, kept: Kept) -> None:
    surface.max_body = 1_000_000
    body = b'{"key":"k","tags":[' + b",".join([b'"t"'] * 100_000) + b"]}"
    await surface.build().post(VERIFY, body, headers=HEADERS)
    (state,) = kept.requests
    assert len(state.request_body) == KEPT_BODY_BYTES
    (row,) = await kept.rows()
    assert row.request_body == f"[{len(body)} bytes that are no valid request]"


async def test_metrics_count_the_whole_body(surface: Surface, kept: Kept) -> None:
    metrics = Metrics(version="1")
    surface.max_body = 1_000_000
    surface.observers = [RequestRows(kept), RequestMetrics(metrics.http)]
    await surface.build().post(VERIFY, b" " * 70_000, headers=HEADERS)
    labels = {"method": "POST", "path": "(unmatched)", "status": "400"}
    assert metrics.registry.get_sample_value("unkey_http_request_body_size_bytes_sum", labels) == 70_000


async def test_observer_that_raises_costs_neither_the_answer_nor_the_others(surface: Surface, kept: Kept) -> None:
    class Broken:
        def begin(self, state: RequestState) -> None:
            raise ValueError("begin")

        def complete(self, state: RequestState) -> None:
            raise ValueError("complete")

    surface.observers = [RequestRows(kept), Broken()]
    answer = await surface.build().post(VERIFY, {"key": "k"}, headers=HEADERS)
    assert answer.status == 200
    assert [str(error) for error in surface.observer_errors] == ["begin", "complete"]
    assert len(await kept.rows()) == 1


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
