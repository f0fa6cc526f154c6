"""grpcio with stubs generated from proto/ by Google's compiler, over clear-text HTTP/2."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tests.e2e.troubles import Troubles
from tests.support.foreign import CLIENTS, PROTO, Report, report_of, run_program
from unkey_api.dev.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

VALUES: dict[str, object] = {
    "success": {
        "valid": True,
        "code": "VALID",
        "same": True,
        "name": "ünïcode",
        "expires": 4_070_908_800_000,
        "plan": "pro",
    },
    "limit": {"success": True, "remaining": 1},
    "request id": {"prefix": "req_"},
    "many at once": {"valid": 200},
    "early answers": {"as expected": 100},
    "compressed": {"made": True},
}
INPUT = "err:unkey:application:invalid_input"
ERRORS: dict[str, tuple[str, str, int]] = {
    "schema": ("INVALID_ARGUMENT", INPUT, 400),
    "no credential": ("UNAUTHENTICATED", INPUT, 400),
    "no such root key": ("UNAUTHENTICATED", "err:unkey:authentication:key_not_found", 401),
    "no permission": ("PERMISSION_DENIED", "err:unkey:authorization:insufficient_permissions", 403),
    "unknown api": ("NOT_FOUND", "err:unkey:data:api_not_found", 404),
    "namespace deleted": ("NOT_FOUND", "err:unkey:data:ratelimit_namespace_gone", 410),
    "api protected": ("FAILED_PRECONDITION", "err:unkey:application:protected_resource", 412),
    "workspace throttled": ("RESOURCE_EXHAUSTED", "err:user:too_many_requests:workspace_rate_limited", 429),
}
WITHOUT_DETAIL = {
    "unknown method": "UNIMPLEMENTED",
    "unknown service": "UNIMPLEMENTED",
    "not protobuf": "INVALID_ARGUMENT",
    "body too large": "RESOURCE_EXHAUSTED",
    "deadline": "DEADLINE_EXCEEDED",
    "silent service": "DEADLINE_EXCEEDED",
    "wrong address": "UNAVAILABLE",
}


@pytest.fixture(scope="module")
def stubs(third_party_protos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stubs")
    ours = [str(file.relative_to(PROTO)) for file in PROTO.glob("unkey/**/*.proto")]
    # google.api is installed; a second copy of its descriptors would be refused.
    compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{third_party_protos}"]
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    run_program([*compiler, *outputs, *ours, "buf/validate/validate.proto"])
    return folder


@pytest.fixture(scope="module")
def report(stubs: Path, troubles: Troubles, black_hole: str) -> Report:
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    given = troubles.given() | {"silent": black_hole, "nowhere": nowhere}
    return report_of([sys.executable, str(CLIENTS / "grpc_python" / "client.py"), str(stubs)], given)


@pytest.mark.parametrize("scenario", VALUES)
def test_success(scenario: str, report: Report) -> None:
    assert report[scenario] == {"value": VALUES[scenario]}


@pytest.mark.parametrize("scenario", ERRORS)
def test_refusal_has_its_status_and_our_detail_in_the_trailers(scenario: str, report: Report) -> None:
    error: dict[str, Any] = report[scenario]["error"]
    assert (error["code"], error["urn"], error["status"]) == ERRORS[scenario]


@pytest.mark.parametrize("scenario", WITHOUT_DETAIL)
def test_failure_outside_of_the_operations(scenario: str, report: Report) -> None:
    assert report[scenario]["error"]["code"] == WITHOUT_DETAIL[scenario]


def test_violations_are_in_the_detail(report: Report) -> None:
    assert report["schema"]["error"]["locations"] == ["/properties/name/maxLength"]


def test_the_client_covers_exactly_what_is_expected_here(report: Report) -> None:
    assert set(report) == set(VALUES) | set(ERRORS) | set(WITHOUT_DETAIL)
