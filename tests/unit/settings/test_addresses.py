"""Addresses of Redis, ClickHouse, HTTP services and collectors; those of MySQL have a file of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.addresses.http import CollectorError, collector_of, read_http_url
from unkey_api.settings.addresses.mysql import parse_dsn
from unkey_api.settings.addresses.parameters import AddressError
from unkey_api.settings.addresses.redis import RedisAddress, RedisTls, parse_redis_url

READERS: list[Callable[[str], object]] = [parse_dsn, parse_redis_url, parse_clickhouse_url, read_http_url]
GO = "u:p@tcp(h)/d?parseTime=true"


@pytest.mark.parametrize("read", READERS)
@given(
    text=st.one_of(
        st.text(),
        st.from_regex(r"\A(mysql|rediss?|https?|clickhouse)://[\x20-\x7e]*\Z"),
        st.from_regex(r"\A[a-z:@]*\(?[a-z0-9:.\[\]]*\)?/[a-z?&=%;#]*\Z"),
    )
)
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    """No text is a crash: these come from files and variables."""
    with contextlib.suppress(AddressError):
        read(text)


@pytest.mark.parametrize(
    ("read", "url", "problem"),
    [
        (parse_dsn, "mysql://u:p@h/d?sslmode=require", "unknown parameter sslmode; the nearest known one is ssl-mode"),
        (parse_dsn, "mysql://u:p@h/d?ssl=true", "unknown parameter ssl; the nearest known one is tls"),
        (parse_dsn, "mysql://u:p@h/d?TLS=true", "unknown parameter TLS; the nearest known one is tls"),
        (parse_dsn, "mysql://u:p@h/d?tsl=true", "unknown parameter tsl; the nearest known one is tls"),
        (parse_dsn, f"{GO}&ssl=true", "unknown parameter ssl; the nearest known one is tls"),
        (parse_dsn, f"{GO}&readTimout=1s", "unknown parameter readTimout; the nearest known one is readTimeout"),
        (parse_dsn, f"{GO}&unix_socket=/s", "unknown parameter unix_socket"),
        (parse_redis_url, "redis://h?timeout=5", "unknown parameter timeout"),
        (parse_redis_url, "rediss://h?ssl_ca_cert=/ca", "the nearest known one is ssl_ca_certs"),
        (parse_redis_url, "redis://h?ssl=true", "the nearest known one is rediss:// in place of redis://"),
        (parse_redis_url, "redis://h?ssl_cert_reqs=none", "needs rediss://"),
        (parse_clickhouse_url, "http://h?secur=true", "unknown parameter secur; the nearest known one is secure"),
        (parse_clickhouse_url, "clickhouse://h?user=u", "the nearest known one is username"),
        (read_http_url, "https://h/p?key=1", "has the parameter key, but takes none"),
    ],
)
def test_unknown_parameters_are_named_with_the_nearest_known_one(
    read: Callable[[str], object], url: str, problem: str
) -> None:
    with pytest.raises(AddressError) as caught:
        read(url)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("read", "url"),
    [
        (parse_dsn, "mysql://u:hun#ter2@h/d"),
        (parse_dsn, "mysql://u:hun/ter2@h/d"),
        (parse_dsn, "mysql://u:hun?ter2&hunter2@h/d"),
        (parse_dsn, "mysql://u:a@hun/ter2@h/d"),
        (parse_dsn, "mysql://u:hun ter2@h/d"),
        (parse_dsn, "mysql://u:hun%ter2@h/d"),
        (parse_redis_url, "redis://:hun#ter2@h"),
        (parse_redis_url, "redis://:hun/ter2@h"),
        (parse_redis_url, "redis://:hun?ter2@h"),
        (parse_clickhouse_url, "http://u:hun#ter2@h"),
        (parse_clickhouse_url, "http://u:hun/ter2@h"),
    ],
)
def test_passwords_that_should_be_encoded_are_refused_and_not_shown(read: Callable[[str], object], url: str) -> None:
    with pytest.raises(AddressError) as caught:
        read(url)
    assert "hun" not in str(caught.value)
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "tls=true&tls=false",
        "tls=true&ssl-mode=DISABLED",
        "tls=",
        "ssl-ca=/a&tls-ca=/b",
        "tls=false&tls-ca=/ca",
        "tls=skip-verify&tls-ca=/ca",
        "ssl-mode=REQUIRED&ssl-ca=/ca",
        "tls=verify",
    ],
)
def test_contradictions_about_tls_are_refused(query: str) -> None:
    """Whichever of two words won, somebody would have meant the other."""
    for dsn in (f"mysql://u:p@h/d?{query}", f"{GO}&{query}"):
        with pytest.raises(AddressError):
            parse_dsn(dsn)


class TestRedis:
    def test_all_parts(self) -> None:
        url = "rediss://us%40er:p%3Aw@r.example:6380/3?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k"
        assert parse_redis_url(url) == RedisAddress(
            host="r.example",
            port=6380,
            user="us@er",
            password="p:w",
            database=3,
            tls=RedisTls(ca_certs="/ca", cert_file="/c", key_file="/k"),
        )
        assert "p:w" not in repr(parse_redis_url(url))

    def test_defaults(self) -> None:
        assert parse_redis_url("redis://h") == RedisAddress(host="h")
        assert parse_redis_url("redis://[::1]:1/") == RedisAddress(host="::1", port=1)
        assert parse_redis_url("redis://h?db=2").database == 2

    def test_certificates_are_verified_for_the_host_unless_told_otherwise(self) -> None:
        assert parse_redis_url("rediss://h").tls == RedisTls(check_hostname=True, verify=True)
        assert parse_redis_url("rediss://h?ssl_check_hostname=false").tls == RedisTls(check_hostname=False)
        assert parse_redis_url("rediss://h?ssl_cert_reqs=none").tls == RedisTls(check_hostname=False, verify=False)

    @pytest.mark.parametrize(
        "url",
        [
            "redis://h/x",
            "redis://h/-1",
            "redis://h/0/1",
            "redis://h/1?db=2",
            "redis://a,b",
            "redis://h:",
            "redis://h:0",
            "redis://h:65536",
            "rediss://h?ssl_certfile=/c",
            "rediss://h?ssl_cert_reqs=sometimes",
            "rediss://h?ssl_check_hostname=maybe",
            "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/ca",
        ],
    )
    def test_what_makes_no_sense_is_refused(self, url: str) -> None:
        with pytest.raises(AddressError):
            parse_redis_url(url)


@pytest.mark.parametrize("url", ["https://h?secure=false", "http://u@h?username=v", "http://h:0", "http://h:"])
def test_clickhouse_contradictions_are_refused(url: str) -> None:
    with pytest.raises(AddressError):
        parse_clickhouse_url(url)


@pytest.mark.parametrize("url", ["http://u:p@h", "http://h:x", "http://h:70000", "http://h\n", "http://-h", "//h", "h"])
def test_http_urls_that_cannot_be_called_are_refused(url: str) -> None:
    with pytest.raises(AddressError):
        read_http_url(url)


class TestCollector:
    def test_time_outs_are_milliseconds(self) -> None:
        """As the specification has it: `10000` is its own default."""
        assert collector_of({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000"}).seconds == 10.0
        assert collector_of({"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1"}).seconds == 0.001
        assert collector_of({}).seconds == 10.0

    def test_variables_for_traces_win(self) -> None:
        found = collector_of(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318/",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/custom?tenant=1",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "3000",
                "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2000",
                "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=y=z",
            }
        )
        assert (found.url, found.seconds) == ("https://traces/custom?tenant=1", 2.0)
        assert found.headers == {"api-key": "a b", "x": "y=z"}
        assert collector_of({}).url == "http://localhost:4318/v1/traces"

    def test_every_bad_variable_is_named(self) -> None:
        with pytest.raises(CollectorError) as caught:
            collector_of(
                {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
                    "OTEL_EXPORTER_OTLP_TIMEOUT": "10s",
                    "OTEL_EXPORTER_OTLP_HEADERS": "api-key",
                    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "zip",
                }
            )
        assert [problem.path for problem in caught.value.problems] == [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        ]
