"""What must never be seen outside of an answer: keys, root keys, passwords, tokens."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mysql import PASSWORD, MysqlServer, run_sql
from tests.support.redis import RedisServer
from tests.support.relay import relay_to
from tests.support.served import VAULT_TOKEN, Served, ServeOptions, connection_string, fetch, served_by, serving
from unkey_api.core.keymaterial import hash_key
from unkey_api.dev.servers import Vault
from unkey_api.infra.mysql import Database, Dsn

pytestmark = pytest.mark.e2e


class Session:
    """A caller that remembers every secret it sent or got."""

    def __init__(self, served: Served, root_key: str) -> None:
        self._served = served
        self.root_key = root_key
        self.secrets = {root_key, PASSWORD, VAULT_TOKEN}

    def post(self, path: str, body: object, *, authorization: str = "") -> dict[str, str]:
        """Call an operation; return `data` of the answer, whatever it is."""
        sent = {"authorization": authorization or f"Bearer {self.root_key}"}
        _, text = fetch(f"{self._served.base}{path}", body, sent)
        data = json.loads(text).get("data", {})
        found: dict[str, str] = data if isinstance(data, dict) else {}
        self.secrets |= {found[name] for name in ("key", "plaintext") if name in found}
        return found

    def secret(self, prefix: str = "sk") -> str:
        """Return a secret nobody has."""
        return self._kept(f"{prefix}_{secrets.token_hex(16)}")

    def native(self) -> str:
        """Return what `keys.createKey` would make, and nobody has."""
        return self._kept(secrets.token_urlsafe(16).translate(str.maketrans("_-", "ab")))

    def uuid(self) -> str:
        """Return a key as other systems make them."""
        return self._kept(str(uuid.uuid4()))

    def _kept(self, made: str) -> str:
        self.secrets.add(made)
        return made


@pytest.fixture(scope="module")
async def session_and_traces(
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    served_vault: Vault,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Session, dict[str, str]]]:
    """A session that uses secrets in every way, and everything the service wrote meanwhile."""
    folder: Path = tmp_path_factory.mktemp("secrets")
    with relay_to("127.0.0.1", mysql_server.port) as relay:
        dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
        options = ServeOptions(
            database=connection_string(dsn), redis=redis_server.url, vault=served_vault, log_level="debug"
        )
        with serving(options, folder) as service:
            served = served_by(service, database)
            caller = await served.admin()
            session = Session(served, caller.root_key)
            api_id = session.post("/v2/apis.createApi", {"name": "secrets"})["apiId"]
            await run_sql(
                mysql_dsn,
                f"UPDATE key_auth SET store_encrypted_keys = true WHERE workspace_id = '{caller.workspace_id}'",
            )
            use_keys(session, api_id)
            use_wrong_credentials(session)
            use_keys_as_ids(session, api_id)
            relay.cut()
            session.post("/v2/keys.verifyKey", {"key": session.secret()})
            session.post("/v2/apis.createApi", {"name": "unavailable"})
            relay.mend()
            metrics = service.metrics()
        audits = await run_sql(
            mysql_dsn, f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{caller.workspace_id}'"
        )
        rows = await run_sql(mysql_dsn, "SELECT * FROM `keys`")
        yield (
            session,
            {"log": service.log_text(), "metrics": metrics, "audit entries": repr(audits), "rows of keys": repr(rows)},
        )


def use_keys(session: Session, api_id: str) -> None:
    """Make, recover, verify and change keys, well and badly."""
    made = session.post("/v2/keys.createKey", {"apiId": api_id, "prefix": "sk", "recoverable": True, "name": "n"})
    assert session.post("/v2/keys.getKey", {"keyId": made["keyId"], "decrypt": True}).get("plaintext") == made["key"]
    session.post("/v2/keys.verifyKey", {"key": made["key"], "tags": ["a=b"]})
    session.post("/v2/keys.verifyKey", {"key": session.secret(), "unknown": 1})
    session.post("/v2/keys.verifyKey", {"key": [session.secret()]})
    session.post("/v2/keys.verifyKey", {"key": session.secret() * 40})
    session.post("/v2/keys.whoami", {"key": made["key"]})
    session.post("/v2/keys.whoami", {"key": session.secret()})
    session.post("/v2/keys.rerollKey", {"keyId": made["keyId"], "expiration": 0})
    session.post("/v2/keys.createKey", {"apiId": "api_nothing", "prefix": "sk"})
    session.post("/v2/rootKeys.createKey", {"permissions": ["unkey:v1:*:keyspaces/*#verify_key"]})
    session.post("/unkey.keys.v2.KeysService/VerifyKey", {"key": made["key"]})
    session.post("/unkey.keys.v2.KeysService/VerifyKey", {"key": session.secret(), "unknown": 1})


def use_wrong_credentials(session: Session) -> None:
    """Present secrets where they are refused."""
    body = {"name": "name"}
    session.post("/v2/apis.createApi", body, authorization=f"Bearer {session.secret('unkey')}")
    session.post("/v2/apis.createApi", body, authorization=f"Basic {session.secret('basic')}")
    session.post("/v2/apis.createApi", body, authorization=session.secret("bare"))
    session.post("/unkey.apis.v2.ApisService/CreateApi", body, authorization=f"Bearer {session.secret('unkey')}")
    fetch(f"{session._served.base}/v2/portal.listKeys", {}, {"cookie": f"portal_session={session.secret('ps')}"})


def use_keys_as_ids(session: Session, api_id: str) -> None:
    """Send keys, of ours and of others, where ids and names belong."""
    for make in (session.secret, session.native, session.uuid):
        session.post("/v2/apis.getApi", {"apiId": make()})
        session.post("/v2/apis.deleteApi", {"apiId": make()})
        session.post("/v2/apis.listKeys", {"apiId": make()})
        session.post("/v2/keys.createKey", {"apiId": make()})
        session.post("/v2/keys.createKey", {"apiId": api_id, "roles": [make()]})
        for operation in ("getKey", "deleteKey", "updateKey"):
            session.post(f"/v2/keys.{operation}", {"keyId": make()})
        session.post("/v2/keys.addPermissions", {"keyId": make(), "permissions": ["p"]})
        session.post("/v2/identities.getIdentity", {"identity": make()})
        session.post("/v2/permissions.getRole", {"role": make()})
        session.post("/v2/permissions.getPermission", {"permission": make()})
        session.post("/v2/ratelimit.getOverride", {"namespace": make(), "identifier": make()})
        session.post("/v2/rootKeys.deleteKey", {"keyId": make()})
        session.post("/unkey.apis.v2.ApisService/GetApi", {"apiId": make()})


@pytest.mark.parametrize("place", ["log", "metrics", "audit entries", "rows of keys"])
def test_no_secret_is_written(place: str, session_and_traces: tuple[Session, dict[str, str]]) -> None:
    session, traces = session_and_traces
    assert len(session.secrets) > 15
    assert [secret for secret in session.secrets if secret in traces[place]] == []


def test_the_traces_are_those_of_the_session(session_and_traces: tuple[Session, dict[str, str]]) -> None:
    """Empty traces would prove nothing."""
    session, traces = session_and_traces
    assert '"level":"error"' in traces["log"]
    assert "/v2/keys.verifyKey" in traces["log"]
    assert 'path="/v2/keys.verifyKey"' in traces["metrics"]
    assert "key.create" in traces["audit entries"]
    assert hash_key(session.root_key) in traces["rows of keys"]
