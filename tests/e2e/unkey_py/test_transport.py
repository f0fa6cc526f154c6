"""What the official client does when the way to the service is bad, and that the service serves it well then."""

from __future__ import annotations

import httpx
import pytest
from unkey.py import Unkey, errors

from tests.e2e.troubles import Troubles
from tests.e2e.unkey_py.world import NO_RETRIES, client_of
from tests.support.gate import Fault, Gate
from unkey_api.dev.ports import free_ports

pytestmark = pytest.mark.e2e


def test_default_retries_heal_a_single_failure(gate: Gate, troubles: Troubles) -> None:
    gate.plan(Fault.UNAVAILABLE)
    with Unkey(root_key=troubles.root_key, server_url=gate.url) as client:
        assert client.apis.create_api(name="healed").data.api_id
    assert gate.seen == ["/v2/apis.createApi"] * 2


def test_refusals_are_not_retried(gate: Gate, troubles: Troubles) -> None:
    client = Unkey(root_key=troubles.unknown_key, server_url=gate.url)
    with client, pytest.raises(errors.UnauthorizedErrorResponse):
        client.apis.create_api(name="name")
    assert len(gate.seen) == 1


def test_a_silent_service_is_a_time_out(gate: Gate, troubles: Troubles) -> None:
    gate.always(Fault.SILENT)
    with client_of(troubles.root_key, gate.url) as client, pytest.raises(httpx.ReadTimeout):
        client.apis.create_api(name="name", timeout_ms=200)


def test_a_dropped_connection_is_an_error_and_not_retried(gate: Gate, troubles: Troubles) -> None:
    gate.plan(Fault.DROPPED)
    with Unkey(root_key=troubles.root_key, server_url=gate.url) as client, pytest.raises(httpx.RemoteProtocolError):
        client.apis.create_api(name="name")
    assert len(gate.seen) == 1


def test_a_wrong_address_is_a_connection_error(troubles: Troubles) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    with client_of(troubles.root_key, nowhere) as client, pytest.raises(httpx.ConnectError):
        client.apis.create_api(name="name")


def test_a_wrong_path_is_an_error_and_not_a_success(troubles: Troubles) -> None:
    with client_of(troubles.root_key, f"{troubles.base}/elsewhere") as client, pytest.raises(errors.APIError) as caught:
        client.apis.create_api(name="name")
    assert caught.value.status_code == 404


def test_a_credential_may_be_made_per_request(troubles: Troubles) -> None:
    asked: list[str] = []

    def credential() -> str:
        asked.append("asked")
        return troubles.root_key

    with Unkey(root_key=credential, server_url=troubles.base, retry_config=NO_RETRIES) as client:
        client.apis.create_api(name="one")
        client.apis.create_api(name="two")
    assert len(asked) == 2
