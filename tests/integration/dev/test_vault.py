"""The vault client against the development vault, over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import Vault, vault
from unkey_api.infra.vault import ConnectVault, VaultUnavailable, open_vault

pytestmark = pytest.mark.integration

TOKEN = Secret("correct horse")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vault]:
    folder: Path = tmp_path_factory.mktemp("vault")
    async with vault(folder, free_ports(1)[0], TOKEN) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: Vault) -> AsyncIterator[ConnectVault]:
    async with open_vault(server.url + "/", TOKEN) as opened:
        yield opened


async def test_a_text_comes_back(client: ConnectVault) -> None:
    sealed = await client.encrypt("ws_1", Secret("sk_live_ü"))
    assert sealed.key_id.startswith("dek_")
    assert "sk_live" not in sealed.encrypted
    assert (await client.decrypt("ws_1", sealed.encrypted)).reveal() == "sk_live_ü"


async def test_many_texts_come_back_under_their_ids(client: ConnectVault) -> None:
    sealed = await client.encrypt_many("ws_1", {"a": Secret("1"), "b": Secret("2")})
    opened = await client.decrypt_many("ws_1", {name: item.encrypted for name, item in sealed.items()})
    assert {name: text.reveal() for name, text in opened.items()} == {"a": "1", "b": "2"}


async def test_nothing_asked_is_nothing_called() -> None:
    async with open_vault("http://127.0.0.1:9", TOKEN) as nowhere:
        assert await nowhere.encrypt_many("ws_1", {}) == {}
        assert await nowhere.decrypt_many("ws_1", {}) == {}


async def test_another_tenants_text_is_refused(client: ConnectVault) -> None:
    sealed = await client.encrypt("ws_1", Secret("text"))
    with pytest.raises(VaultUnavailable) as caught:
        await client.decrypt("ws_2", sealed.encrypted)
    assert caught.value.reason == "invalid_argument"
    assert caught.value.public == "Failed to decrypt in vault."


async def test_one_bad_item_fails_all_and_is_named_in_the_log_only(client: ConnectVault) -> None:
    sealed = await client.encrypt("ws_1", Secret("text"))
    with pytest.raises(VaultUnavailable) as caught:
        await client.decrypt_many("ws_1", {"good": sealed.encrypted, "key_bad": "YmFk"})
    assert caught.value.reason == "internal"
    assert "key_bad" in str(caught.value)
    assert "key_bad" not in caught.value.public


@pytest.mark.parametrize("token", ["", "wrong", "correct horse "])
async def test_a_wrong_token_is_refused(server: Vault, token: str) -> None:
    async with open_vault(server.url, Secret(token)) as stranger:
        with pytest.raises(VaultUnavailable) as caught:
            await stranger.encrypt("ws_1", Secret("text"))
    assert caught.value.reason == "unauthenticated"


async def test_a_vault_that_is_away_is_unavailable() -> None:
    async with open_vault(f"http://127.0.0.1:{free_ports(1)[0]}", TOKEN) as nowhere:
        with pytest.raises(VaultUnavailable) as caught:
            await nowhere.encrypt("ws_1", Secret("my plaintext"))
    assert caught.value.reason == "unavailable"
    assert "my plaintext" not in str(caught.value)


async def test_liveness_and_probes_need_no_token(server: Vault) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/health/live") as answer:
            assert answer.status == 200
        async with session.post(f"{server.url}/vault.v1.VaultService/Liveness", json={}) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_texts_survive_a_restart(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    async with vault(tmp_path, port, TOKEN) as running, open_vault(running.url, TOKEN) as opened:
        sealed = await opened.encrypt("ws_1", Secret("text"))
    async with vault(tmp_path, port, TOKEN) as running, open_vault(running.url, TOKEN) as opened:
        assert (await opened.decrypt("ws_1", sealed.encrypted)).reveal() == "text"
