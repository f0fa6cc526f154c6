"""Which credentials the whole service accepts, by its configuration."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.support.asgi import Client
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.tokens import ISSUER, NOW_S, SECRET, shared_token
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import Dsn, Statement
from unkey_api.rpc.health import Phase
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration
TOKENS = f'[[auth]]\ntype = "jwt"\nissuer = "{ISSUER}"\nsecrets = ["{SECRET}"]\n'
ROOT_KEYS = '[[auth]]\ntype = "root_key"\n'
Serve = Callable[[str], AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer) -> Serve:
    """Open the service with other credentials than the session's."""

    @asynccontextmanager
    async def open_with(auth: str) -> AsyncIterator[Client]:
        base = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
        settings = load_settings(base.replace(ROOT_KEYS.strip(), auth), {})
        async with open_application(settings, Runtime(clock=api.clock, jitter=lambda: 0.0)) as served:
            served.health.phase = Phase.SERVING
            yield Client(served.app)

    return open_with


async def _organization(api: Harness) -> tuple[str, str]:
    """Make a workspace and return its id and that of its organization."""
    organization = f"org_{secrets.token_hex(6)}"
    workspace_id = await api.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
    await api.database.primary.execute(
        Statement("test_org", "UPDATE workspaces SET org_id = %(org)s WHERE id = %(id)s"),
        {"org": organization, "id": workspace_id},
    )
    return workspace_id, organization


def _token(api: Harness, organization: str, *permissions: str) -> str:
    now = api.clock.now_ms() // 1_000
    return shared_token(exp=now + 60, iat=now - 60, org={"id": organization}, permissions=list(permissions))


async def _create_api(client: Client, bearer: str) -> tuple[int, str]:
    answer = await client.post(
        "/v2/apis.createApi",
        {"name": "payments"},
        headers={"content-type": "application/json", "authorization": f"Bearer {bearer}"},
    )
    return answer.status, "" if answer.status == 200 else answer.json["error"]["type"].rpartition("/")[2]


class TestTokens:
    async def test_a_user_acts_with_the_permissions_of_the_token(self, api: Harness, serve: Serve) -> None:
        _, organization = await _organization(api)
        async with serve(TOKENS + ROOT_KEYS) as client:
            status, _ = await _create_api(client, _token(api, organization, "api.*.create_api"))
            assert status == 200
            status, _ = await _create_api(client, _token(api, organization))
            assert status == 403

    async def test_root_keys_work_beside_tokens_in_either_order(self, api: Harness, serve: Serve) -> None:
        _, organization = await _organization(api)
        admin = await api.admin()
        for auth in (TOKENS + ROOT_KEYS, ROOT_KEYS + TOKENS):
            async with serve(auth) as client:
                assert (await _create_api(client, admin.root_key))[0] == 200
                assert (await _create_api(client, _token(api, organization, "api.*.create_api")))[0] == 200

    async def test_a_root_key_is_no_credential_where_only_tokens_are(self, api: Harness, serve: Serve) -> None:
        admin = await api.admin()
        async with serve(TOKENS) as client:
            answer = await client.post(
                "/v2/apis.createApi",
                {"name": "payments"},
                headers={"content-type": "application/json", "authorization": f"Bearer {admin.root_key}"},
            )
        assert answer.status == 400
        assert "authentication/missing" in answer.json["error"]["type"]

    async def test_an_expired_token_is_malformed(self, api: Harness, serve: Serve) -> None:
        async with serve(TOKENS) as client:
            assert (await _create_api(client, shared_token(exp=NOW_S - 10**9)))[0] == 400
