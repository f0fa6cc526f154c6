"""@unkey/api, unmodified, in Node. Its models are stricter than the Python client's."""

from __future__ import annotations

from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tests.e2e.bad_ways import BadWays
from tests.e2e.troubles import Troubles
from tests.support.foreign import Report, report_of, require_program
from tools.operations import published_operations

# The first run on a machine fetches the packages.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

DONE = "req_"
OPERATIONS: dict[str, object] = {
    "analytics.getGatewayRequests": 412,
    "analytics.getRatelimits": 412,
    "analytics.getRuntimeLogs": 412,
    "analytics.getVerifications": 412,
    "apis.createApi": "api_",
    "apis.deleteApi": DONE,
    "apis.getApi": "api_",
    "apis.listKeys": 3,
    "identities.createIdentity": "user",
    "identities.deleteIdentity": DONE,
    "identities.getIdentity": {"a": 1},
    "identities.listIdentities": True,
    "identities.updateIdentity": {"b": [1]},
    "keys.addPermissions": 1,
    "keys.addRoles": 1,
    "keys.createKey": "sk_",
    "keys.deleteKey": DONE,
    "keys.getKey": "n",
    "keys.migrateKeys": [1, 0, True, "moved", 0, 1],
    "keys.removePermissions": 0,
    "keys.removeRoles": 0,
    "keys.rerollKey": "key_",
    "keys.setPermissions": 1,
    "keys.setRoles": 1,
    "keys.updateCredits": 7,
    "keys.updateKey": DONE,
    "keys.verifyKey": {
        "valid": True,
        "code": "VALID",
        "same": True,
        "name": "ünïcode",
        "credits": 1,
        "meta": {"plan": "pro", "none": None},
        "ratelimits": 1,
    },
    "keys.whoami": "n",
    "permissions.createPermission": "perm",
    "permissions.createRole": "role",
    "permissions.deletePermission": DONE,
    "permissions.deleteRole": DONE,
    "permissions.getPermission": "perm",
    "permissions.getRole": "role",
    "permissions.listPermissions": True,
    "permissions.listRoles": True,
    "permissions.setRolePermissions": DONE,
    "ratelimit.deleteOverride": DONE,
    "ratelimit.getOverride": 9,
    "ratelimit.limit": 1,
    "ratelimit.listOverrides": 1,
    "ratelimit.multiLimit": [False, False, True],
    "ratelimit.setOverride": "u",
}
REFUSALS: dict[str, tuple[str, int | None, str | None]] = {
    "schema": ("BadRequestErrorResponse", 400, "invalid_input"),
    "no credential": ("BadRequestErrorResponse", 400, "invalid_input"),
    "no such root key": ("UnauthorizedErrorResponse", 401, "key_not_found"),
    "no permission": ("ForbiddenErrorResponse", 403, "insufficient_permissions"),
    "unknown api": ("NotFoundErrorResponse", 404, "api_not_found"),
    "identity exists": ("ConflictErrorResponse", 409, "identity_already_exists"),
    "namespace deleted": ("GoneErrorResponse", 410, "ratelimit_namespace_gone"),
    "api protected": ("PreconditionFailedErrorResponse", 412, "protected_resource"),
    # The client has no class for these answers of these operations.
    "keys not recoverable": ("APIError", 412, "precondition_failed"),
    "workspace throttled": ("APIError", 429, "workspace_rate_limited"),
    "unavailable": ("APIError", 503, "service_unavailable"),
    "internal error": ("InternalServerErrorResponse", 500, "unexpected_error"),
    # Found by the client before anything is sent.
    "wrong argument": ("SDKValidationError", None, None),
    "silent service": ("RequestTimeoutError", None, None),
    "wrong address": ("ConnectionError", None, None),
    "wrong path": ("APIError", 404, None),
}
METHODS = {"methods of the client", "methods called"}
HEALED = {"healed by default retries": "healing", "healed dropped connection": "dropping"}


@pytest.fixture(scope="module")
def report(node_clients: Path, troubles: Troubles, ways: BadWays) -> Report:
    return report_of([require_program("node"), "unkey_api.mjs"], ways.given(troubles), folder=node_clients)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(operation: str, report: Report) -> None:
    found: dict[str, Any] = report[operation]
    if found.get("error", {}).get("status") == 501:
        pytest.skip("not built yet")
    assert found == {"value": OPERATIONS[operation]}


@pytest.mark.parametrize("scenario", REFUSALS)
def test_error_class(scenario: str, report: Report) -> None:
    error: dict[str, Any] = report[scenario]["error"]
    assert (error["class"], error["status"], error["kind"]) == REFUSALS[scenario], error["message"]


def test_violations_are_listed(report: Report) -> None:
    assert report["schema"]["error"]["locations"] == ["/properties/name/maxLength"]
    assert report["no credential"]["error"]["locations"] == ["security"]


@pytest.mark.parametrize("scenario", HEALED)
def test_default_retries_heal_a_single_failure(scenario: str, report: Report, ways: BadWays) -> None:
    assert report[scenario] == {"value": True}
    assert getattr(ways, HEALED[scenario]).seen == ["/v2/apis.createApi"] * 2


def test_the_client_covers_exactly_what_is_expected_here(report: Report) -> None:
    assert set(report) == set(OPERATIONS) | set(REFUSALS) | set(HEALED) | METHODS


def test_every_method_of_the_client_was_called(report: Report) -> None:
    """Of the areas we serve; the others belong to another product."""
    served = {operation.http_path.removeprefix("/v2/") for operation in published_operations() if operation.built}
    areas = {name.partition(".")[0] for name in served}
    methods = {name for name in report["methods of the client"]["value"] if name.partition(".")[0] in areas}
    assert methods
    assert methods == set(report["methods called"]["value"]) == set(OPERATIONS)
