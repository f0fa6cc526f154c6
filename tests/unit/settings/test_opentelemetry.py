"""The standard variables about traces, and how they go together with the section of ours."""

from __future__ import annotations

import pytest

from unkey_api.settings.opentelemetry import (
    OpenTelemetry,
    OpenTelemetryError,
    Sampling,
    SpanQueue,
    opentelemetry_of,
)
from unkey_api.settings.sections import TracingSettings

ON = TracingSettings(sample_rate=0.2)


def read(tracing: TracingSettings = ON, **environ: str) -> OpenTelemetry:
    found = opentelemetry_of(tracing, environ)
    assert found is not None
    return found


def problems(**environ: str) -> dict[str, str]:
    with pytest.raises(OpenTelemetryError) as caught:
        opentelemetry_of(ON, environ)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_one_in_twenty_is_traced_once_the_section_is_there() -> None:
    assert read(TracingSettings()).sampling == Sampling(0.05, follows_callers=True)
    assert opentelemetry_of(None, {"OTEL_TRACES_SAMPLER": "always_on"}) is None


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_SDK_DISABLED": " TRUE "},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_SAMPLER": "always_off"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
    ],
    ids=str,
)
def test_variables_that_switch_traces_off(environ: dict[str, str]) -> None:
    assert opentelemetry_of(ON, environ) is None


def test_a_share_of_zero_traces_nobody() -> None:
    assert opentelemetry_of(TracingSettings(sample_rate=0.0), {}) is None


def test_a_disabled_sdk_reads_no_other_variable() -> None:
    assert opentelemetry_of(ON, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_SAMPLER": "nonsense"}) is None


@pytest.mark.parametrize("text", ["", "false", "1", "yes"])
def test_only_true_disables(text: str) -> None:
    assert read(OTEL_SDK_DISABLED=text).sampling.share == 0.2


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("", "0.7", Sampling(0.2, follows_callers=True)),
        ("always_on", "", Sampling(1.0, follows_callers=False)),
        ("Always_On", "", Sampling(1.0, follows_callers=False)),
        ("traceidratio", "0.7", Sampling(0.7, follows_callers=False)),
        ("parentbased_always_on", "0.7", Sampling(1.0, follows_callers=True)),
        ("parentbased_always_off", "", Sampling(0.0, follows_callers=True)),
        ("parentbased_traceidratio", "0.7", Sampling(0.7, follows_callers=True)),
        ("parentbased_traceidratio", "", Sampling(1.0, follows_callers=True)),
        ("parentbased_traceidratio", "0", Sampling(0.0, follows_callers=True)),
    ],
)
def test_samplers(name: str, argument: str, expected: Sampling) -> None:
    assert read(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument).sampling == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("tracecontext", "baggage")),
        ("tracecontext", ("tracecontext",)),
        (" b3 , tracecontext,b3,", ("b3", "tracecontext")),
        ("none", ()),
        ("tracecontext,none", ()),
    ],
)
def test_propagators(text: str, expected: tuple[str, ...]) -> None:
    assert read(OTEL_PROPAGATORS=text).propagators == expected


def test_batches() -> None:
    assert read().queue == SpanQueue(spans=2_048, batch=512, delay_ms=5_000, export_ms=30_000)
    changed = read(
        OTEL_BSP_MAX_QUEUE_SIZE="10",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5",
        OTEL_BSP_SCHEDULE_DELAY="7",
        OTEL_BSP_EXPORT_TIMEOUT="8",
    )
    assert changed.queue == SpanQueue(spans=10, batch=5, delay_ms=7, export_ms=8)
    assert read(OTEL_BSP_MAX_QUEUE_SIZE="10").queue.batch == 10


def test_the_shorter_time_for_a_batch_counts() -> None:
    assert read().seconds == 10
    assert read(OTEL_BSP_EXPORT_TIMEOUT="2500").seconds == 2.5
    assert read(OTEL_BSP_EXPORT_TIMEOUT="2500", OTEL_EXPORTER_OTLP_TIMEOUT="300").seconds == 0.3


def test_every_variable_that_cannot_be_used_is_named_at_once() -> None:
    found = problems(
        OTEL_TRACES_EXPORTER="zipkin",
        OTEL_TRACES_SAMPLER="parentbased_jaeger_remote",
        OTEL_BSP_MAX_QUEUE_SIZE="0",
        OTEL_BSP_SCHEDULE_DELAY="5s",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="0",
        OTEL_RESOURCE_ATTRIBUTES="team",
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="many",
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="-1",
    )
    assert found == {
        "OTEL_TRACES_EXPORTER": "must be otlp or none",
        "OTEL_TRACES_SAMPLER": "must be one of always_on, always_off, parentbased_always_on, parentbased_always_off, "
        "traceidratio, parentbased_traceidratio",
        "OTEL_BSP_MAX_QUEUE_SIZE": "must be a number from 1 to 1000000",
        "OTEL_BSP_SCHEDULE_DELAY": "must be a number from 1 to 600000",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "must be http/protobuf; put an OpenTelemetry Collector in front of what takes "
        "nothing else",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "must be a number of milliseconds from 1 to 600000",
        "OTEL_RESOURCE_ATTRIBUTES": "must be pairs like name=value, separated by commas",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "must be a number from 0 on; leave it out for the default",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "must be a number from 0 on; leave it out for the default",
    }


@pytest.mark.parametrize("share", ["1.1", "-0.1", "nan", "half"])
def test_a_share_is_from_zero_to_one(share: str) -> None:
    found = problems(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG=share)
    assert found == {"OTEL_TRACES_SAMPLER_ARG": "must be a number from 0 to 1"}


def test_a_batch_fits_into_the_queue() -> None:
    found = problems(OTEL_BSP_MAX_QUEUE_SIZE="10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="11")
    assert found == {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "must not exceed OTEL_BSP_MAX_QUEUE_SIZE"}


@pytest.mark.parametrize("headers", ["x=a%0d%0ay: b", "x=%E4%B8%AD"])
def test_headers_are_text_that_http_takes(headers: str) -> None:
    assert list(problems(OTEL_EXPORTER_OTLP_HEADERS=headers)) == ["OTEL_EXPORTER_OTLP_HEADERS"]


def test_certificates_to_show() -> None:
    collector = read(
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="/all.pem",
        OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE="/own.pem",
        OTEL_EXPORTER_OTLP_CLIENT_KEY="/key.pem",
    ).collector
    assert collector.files == {"CLIENT_CERTIFICATE": "/own.pem", "CLIENT_KEY": "/key.pem"}
    assert problems(OTEL_EXPORTER_OTLP_CLIENT_KEY="/key.pem") == {
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "needs CLIENT_CERTIFICATE beside it"
    }
