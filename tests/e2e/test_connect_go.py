"""connect-go with code generated from proto/."""

from __future__ import annotations

from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tests.e2e.bad_ways import BadWays
from tests.e2e.rpc_expectations import FAILURES, REFUSALS, SCENARIOS, SUCCESS
from tests.e2e.troubles import Troubles
from tests.support.foreign import Report, report_of

# The first run on a machine fetches and compiles.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WAYS = (
    "connect-proto-http1",
    "connect-json-http1",
    "connect-proto-http2",
    "connect-json-http2",
    "grpc-http2",
    "grpcweb-http1",
    "grpcweb-http2",
)
RETRIES = {"connect-proto-http1 unavailable", "connect-proto-http1 healed by a retry"}


@pytest.fixture(scope="module")
def report(go_client: Path, troubles: Troubles, ways: BadWays) -> Report:
    return report_of([str(go_client)], ways.given(troubles))


@pytest.mark.parametrize("way", WAYS)
def test_success(way: str, report: Report) -> None:
    assert report[f"{way} success"] == {"value": SUCCESS}
    assert report[f"{way} limit"] == {"value": 1}


@pytest.mark.parametrize("scenario", REFUSALS)
@pytest.mark.parametrize("way", WAYS)
def test_refusal(way: str, scenario: str, report: Report) -> None:
    error: dict[str, Any] = report[f"{way} {scenario}"]["error"]
    kind = error["urn"].rpartition(":")[2]
    assert (error["code"], error["status"], kind) == REFUSALS[scenario], error["message"]


@pytest.mark.parametrize("scenario", FAILURES)
@pytest.mark.parametrize("way", WAYS)
def test_failure_of_the_transport(way: str, scenario: str, report: Report) -> None:
    assert report[f"{way} {scenario}"]["error"]["code"] == FAILURES[scenario]


def test_a_503_is_unavailable_and_an_ordinary_retry_heals_it(report: Report, ways: BadWays) -> None:
    assert report["connect-proto-http1 unavailable"]["error"]["code"] == "unavailable"
    assert report["connect-proto-http1 healed by a retry"] == {"value": True}
    assert len(ways.healing.seen) == 2


def test_the_client_covers_exactly_what_is_expected_here(report: Report) -> None:
    assert set(report) == {f"{way} {scenario}" for way in WAYS for scenario in SCENARIOS} | RETRIES
