"""Each error class the official client has for what this service says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from unkey.py import Unkey, errors

from tests.e2e.troubles import Troubles
from tests.e2e.unkey_py.world import built, client_of, fresh
from tests.support.gate import Fault, Gate

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Case:
    """A call and the refusal it meets."""

    call: Callable[[Unkey, Troubles], object]
    status: int
    error: type[errors.UnkeyError]
    kind: str
    """The last part of the error's type."""
    credential: str = "root_key"


def create_twice(client: Unkey, _: Troubles) -> None:
    external_id = fresh("user")
    for _again in range(2):
        client.identities.create_identity(external_id=external_id)


def limit_in_gone_namespace(client: Unkey, t: Troubles) -> object:
    return client.ratelimit.limit(namespace=t.gone_namespace, identifier="u", limit=1, duration=60_000)


CASES = {
    "schema": Case(
        lambda c, _: c.apis.create_api(name="n" * 257), 400, errors.BadRequestErrorResponse, "invalid_input"
    ),
    "no such root key": Case(
        lambda c, _: c.apis.create_api(name="name"),
        401,
        errors.UnauthorizedErrorResponse,
        "key_not_found",
        credential="unknown_key",
    ),
    "no permission": Case(
        lambda c, _: c.apis.create_api(name="name"),
        403,
        errors.ForbiddenErrorResponse,
        "insufficient_permissions",
        credential="powerless_key",
    ),
    "unknown api": Case(
        lambda c, _: c.apis.get_api(api_id=fresh("api")), 404, errors.NotFoundErrorResponse, "api_not_found"
    ),
    "identity exists": Case(create_twice, 409, errors.ConflictErrorResponse, "identity_already_exists"),
    "namespace deleted": Case(limit_in_gone_namespace, 410, errors.GoneErrorResponse, "ratelimit_namespace_gone"),
    "api protected": Case(
        lambda c, t: c.apis.delete_api(api_id=t.protected_api),
        412,
        errors.PreconditionFailedErrorResponse,
        "protected_resource",
    ),
    # The client lists no 412 for createKey, so it has no class for it there.
    "keys not recoverable": Case(
        lambda c, t: c.keys.create_key(api_id=t.plain_api, recoverable=True),
        412,
        errors.APIError,
        "precondition_failed",
    ),
    # The client asks for application/json but has a class for a 429 in application/problem+json only.
    "workspace throttled": Case(
        lambda c, _: c.apis.create_api(name="name"),
        429,
        errors.APIError,
        "workspace_rate_limited",
        credential="throttled_key",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_refusal(case: Case, troubles: Troubles) -> None:
    with client_of(getattr(troubles, case.credential), troubles.base) as client, built():
        with pytest.raises(case.error) as caught:
            case.call(client, troubles)
        assert type(caught.value) is case.error
        assert caught.value.status_code == case.status
        assert caught.value.raw_response.json()["error"]["type"].endswith(f"/{case.kind}")


def test_violations_of_a_schema_are_listed(troubles: Troubles) -> None:
    with client_of(troubles.root_key, troubles.base) as client, pytest.raises(errors.BadRequestErrorResponse) as caught:
        client.apis.create_api(name="n" * 257)
    assert [v.location for v in caught.value.data.error.errors] == ["/properties/name/maxLength"]
    assert caught.value.data.meta.request_id.startswith("req_")


def test_a_call_without_credential_is_a_bad_request(troubles: Troubles) -> None:
    with client_of(None, troubles.base) as client, pytest.raises(errors.BadRequestErrorResponse) as caught:
        client.apis.create_api(name="name")
    assert [v.location for v in caught.value.data.error.errors] == ["security"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.INTERNAL, errors.InternalServerErrorResponse),
        (Fault.UNAVAILABLE, errors.APIError),
        (Fault.BROKEN, errors.APIError),
    ],
)
def test_failures_between_client_and_service(
    fault: Fault, error: type[errors.UnkeyError], gate: Gate, troubles: Troubles
) -> None:
    gate.always(fault)
    with client_of(troubles.root_key, gate.url) as client, pytest.raises(error):
        client.keys.verify_key(key="anything")
