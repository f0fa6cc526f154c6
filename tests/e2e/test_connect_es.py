"""connect-es with code generated from proto/, in Node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tests.e2e.bad_ways import BadWays
from tests.e2e.rpc_expectations import FAILURES, REFUSALS, SCENARIOS, SUCCESS
from tests.e2e.troubles import Troubles
from tests.support.foreign import Report, report_of, require_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WAYS = (
    "connect-json-http1",
    "connect-proto-http1",
    "connect-json-http2",
    "connect-proto-http2",
    "grpc-http2",
    "grpcweb-json-http1",
    "grpcweb-proto-http2",
)
RETRIES = {"unavailable", "healed by a retry"}


@pytest.fixture(scope="module")
def report(node_clients: Path, troubles: Troubles, ways: BadWays) -> Report:
    return report_of([require_program("node"), "connect_es.mjs"], ways.given(troubles), folder=node_clients)


def code_of(error: dict[str, Any]) -> str:
    """Return the code as the protocol writes it; the client calls it `NotFound`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", str(error["code"])).lower()


@pytest.mark.parametrize("way", WAYS)
def test_success(way: str, report: Report) -> None:
    assert report[f"{way} success"] == {"value": SUCCESS}
    assert report[f"{way} limit"] == {"value": 1}


@pytest.mark.parametrize("scenario", REFUSALS)
@pytest.mark.parametrize("way", WAYS)
def test_refusal(way: str, scenario: str, report: Report) -> None:
    error: dict[str, Any] = report[f"{way} {scenario}"]["error"]
    assert (code_of(error), error["status"], error["kind"]) == REFUSALS[scenario], error["message"]


@pytest.mark.parametrize("scenario", FAILURES)
@pytest.mark.parametrize("way", WAYS)
def test_failure_of_the_transport(way: str, scenario: str, report: Report) -> None:
    assert code_of(report[f"{way} {scenario}"]["error"]) == FAILURES[scenario]


def test_a_503_is_unavailable_and_an_ordinary_retry_heals_it(report: Report, ways: BadWays) -> None:
    assert code_of(report["unavailable"]["error"]) == "unavailable", report["unavailable"]["error"]["message"]
    assert report["healed by a retry"] == {"value": True}
    assert len(ways.healing.seen) == 2


def test_the_client_covers_exactly_what_is_expected_here(report: Report) -> None:
    assert set(report) == {f"{way} {scenario}" for way in WAYS for scenario in SCENARIOS} | RETRIES
