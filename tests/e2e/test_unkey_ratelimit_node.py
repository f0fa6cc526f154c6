"""@unkey/ratelimit, unmodified, in Node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tests.e2e.bad_ways import BadWays
from tests.e2e.troubles import Troubles
from tests.support.foreign import Report, report_of, require_program
from tests.support.redis import RedisServer
from tests.support.served import ServeOptions, Service, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

VALUES: dict[str, object] = {
    "counts down": [
        {"success": True, "limit": 2, "remaining": 1},
        {"success": True, "limit": 2, "remaining": 0},
        {"success": False, "limit": 2, "remaining": 0},
    ],
    "blocked locally": {"kept": 1, "ahead": True, "same": True},
    "limit per call": {"success": True, "limit": 10, "remaining": 6},
    "overrides": {"same": True, "limit": 9, "listed": 1},
    "noop": True,
    "error handler": "Error",
    "healed by default retries": True,
    "silent service falls back": {"fallback": True},
    "wrong address falls back": {"fallback": True},
}
REFUSALS = {
    "schema": ("BadRequestErrorResponse", 400, "invalid_input"),
    "no such root key": ("UnauthorizedErrorResponse", 401, "key_not_found"),
    "no permission": ("ForbiddenErrorResponse", 403, "insufficient_permissions"),
    "missing override": ("NotFoundErrorResponse", 404, "ratelimit_namespace_not_found"),
    "namespace deleted": ("GoneErrorResponse", 410, "ratelimit_namespace_gone"),
    # The client it carries has no class for a 429 here.
    "workspace throttled": ("APIError", 429, "workspace_rate_limited"),
}


@pytest.fixture(scope="module")
def one_worker(
    served_database: str, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service whose only worker knows every count, so that counting down is exact to the last one."""
    options = ServeOptions(database=served_database, redis=redis_server.url, workers=1)
    with serving(options, tmp_path_factory.mktemp("one-worker")) as service:
        yield service


@pytest.fixture(scope="module")
def report(node_clients: Path, troubles: Troubles, ways: BadWays, one_worker: Service) -> Report:
    given = ways.given(troubles) | {"base": one_worker.base}
    return report_of([require_program("node"), "unkey_ratelimit.mjs"], given, folder=node_clients)


@pytest.mark.parametrize("scenario", VALUES)
def test_success(scenario: str, report: Report) -> None:
    assert report[scenario] == {"value": VALUES[scenario]}


@pytest.mark.parametrize("scenario", REFUSALS)
def test_error_class(scenario: str, report: Report) -> None:
    error: dict[str, Any] = report[scenario]["error"]
    assert (error["class"], error["status"], error["kind"]) == REFUSALS[scenario], error["message"]


def test_a_failure_is_retried_once(report: Report, ways: BadWays) -> None:
    assert report["healed by default retries"] == {"value": True}
    assert ways.healing.seen == ["/v2/ratelimit.limit"] * 2


def test_the_client_covers_exactly_what_is_expected_here(report: Report) -> None:
    assert set(report) == set(VALUES) | set(REFUSALS)
