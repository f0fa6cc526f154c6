"""The key set of a token issuer away, silent, slow, rotated or garbage, under the load of root keys and tokens."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import jwt
import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import make_keys, verify
from tests.e2e.faults.world import ROOM, pause_for
from tests.support.certificates import self_signed
from tests.support.harness import Caller
from tests.support.load import Load, Target, under_load
from tests.support.outages import Dependency
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, fetch, served_by, serving, tls_answers
from tests.support.tokens import jwk, key_set, rsa_key
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ISSUER = "https://issuer.test"
FETCH_BOUND = 10.0
"""Seconds a token whose key nobody knows may wait for the issuer."""
GARBAGE = b"<html>Bad gateway</html>"


@dataclass(frozen=True, slots=True)
class Issuer:
    """A published key set that can be changed and taken away."""

    process: Dependency
    document: Path
    port: int
    certificate: Path

    def publish(self, *names: str) -> None:
        """Have the keys of these names, and no others, in the set."""
        self.replace(key_set(*map(jwk, names)))

    def replace(self, content: bytes) -> None:
        """Publish any bytes, all at once."""
        fresh = self.document.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.rename(self.document)

    @property
    def auth(self) -> str:
        """The entry of the configuration."""
        return f'[[auth]]\ntype = "jwt"\nissuer = "{ISSUER}"\njwks_url = "https://127.0.0.1:{self.port}/keys"'


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    certificate, key = self_signed(tmp_path)
    [port] = free_ports(1)
    document = tmp_path / "keys.json"
    program = [sys.executable, "-m", "tests.support.issuer_program", "--port", str(port), "--document", str(document)]
    process = Dependency(
        [*program, "--cert", str(certificate), "--key", str(key)],
        tmp_path / "issuer.log",
        lambda: tls_answers(port, certificate),
    )
    made = Issuer(process, document, port, certificate)
    made.publish("a")
    process.start()
    yield made
    process.kill()


class Tokens:
    """Calls a service with the tokens of one user, and puts load on it."""

    def __init__(self, served: Served, caller: Caller, keys: list[dict[str, str]], figures: Figures) -> None:
        self.served = served
        self.figures = figures
        self._caller = caller
        self._keys = keys

    def token(self, name: str) -> str:
        """Return a good token, signed with the key of this name."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "user_1", "iat": now, "exp": now + 600, "permissions": ["api.*.verify_key"]}
        return jwt.encode(
            claims | {"org": {"id": self._caller.workspace_id}}, rsa_key(name), "RS256", headers={"kid": name}
        )

    async def ask(self, name: str) -> tuple[int, str, float]:
        """Verify a key with a token; return status, code or kind of failure, and seconds."""
        headers = {"authorization": f"Bearer {self.token(name)}"}
        began = time.monotonic()
        status, text = await asyncio.to_thread(
            fetch, f"{self.served.base}/v2/keys.verifyKey", {"key": self._keys[0]["key"]}, headers
        )
        seconds, body = time.monotonic() - began, json.loads(text)
        said = body["data"]["code"] if status == 200 else body["error"]["type"].rpartition("/")[2]
        return status, said, seconds

    @asynccontextmanager
    async def load(self, credential: str) -> AsyncIterator[Load]:
        """Verify keys with this credential until the block ends; every answer must be right, and soon."""
        options = self.served.service.options
        headers = {"authorization": f"Bearer {credential}", "content-type": "application/json"}
        load = Load([*map(verify, self._keys)], headers)
        target = Target(
            http1_port=options.http_port, http2_port=options.http2_port, http1_connections=4, pace_seconds=0.02
        )
        async with under_load(load, target):
            yield load

    @asynccontextmanager
    async def unaffected(self, name: str, *, known_token: str = "") -> AsyncIterator[None]:
        """Assert that within the block neither root keys nor tokens of a known key notice anything."""
        async with self.load(self._caller.root_key) as by_key, self.figures.phase(f"{name}, root keys", by_key) as keys:
            if known_token:
                async with (
                    self.load(self.token(known_token)) as by_token,
                    self.figures.phase(f"{name}, known tokens", by_token) as tokens,
                ):
                    yield
                    await pause_for(0.5)
                assert (tokens.wrong, by_token.lost, tokens.slowest < ROOM) == ([], [], True)
            else:
                yield
                await pause_for(0.5)
        assert (keys.wrong, by_key.lost, keys.slowest < ROOM) == ([], [], True)

    def note(self, what: str, found: tuple[int, str, float]) -> None:
        self.figures.note(f"issuer {what}: {found[0]} {found[1]} after {found[2]:.1f} s")


@pytest.fixture
async def tokens(
    issuer: Issuer,
    served_database: str,
    redis_server: RedisServer,
    database: Database,
    figures: Figures,
    tmp_path: Path,
) -> AsyncIterator[Tokens]:
    """A service that trusts the issuer and has not asked it yet."""
    options = ServeOptions(database=served_database, redis=redis_server.url)
    options = replace(options, auth=issuer.auth, trusted=issuer.certificate)
    with serving(options, tmp_path) as service:
        served = served_by(service, database)
        caller = await served.admin()
        yield Tokens(served, caller, await make_keys(served.base, caller, 2), figures)


UNAVAILABLE = (500, "service_unavailable")
VALID = (200, "VALID")


async def test_before_the_first_fetch_tokens_fail_as_unavailable_and_soon(issuer: Issuer, tokens: Tokens) -> None:
    issuer.process.kill()
    async with tokens.unaffected("issuer killed at first"):
        found = await tokens.ask("a")
    tokens.note("killed, no key known", found)
    assert (found[:2], found[2] < ROOM) == (UNAVAILABLE, True)
    await asyncio.to_thread(issuer.process.start)
    issuer.replace(GARBAGE)
    found = await tokens.ask("a")
    tokens.note("full of garbage, no key known", found)
    assert (found[:2], found[2] < ROOM) == (UNAVAILABLE, True)
    issuer.document.unlink()
    assert (await tokens.ask("a"))[:2] == UNAVAILABLE
    issuer.publish("a")
    issuer.process.pause()
    async with tokens.unaffected("issuer slow"):
        waiting = asyncio.create_task(tokens.ask("a"))
        await pause_for(1.5)
        issuer.process.resume()
        found = await waiting
    tokens.note("slow", found)
    assert found[:2] == VALID


async def test_a_silent_issuer_holds_up_nobody_but_tokens_of_unknown_keys(issuer: Issuer, tokens: Tokens) -> None:
    assert (await tokens.ask("a"))[:2] == VALID
    issuer.process.pause()
    async with tokens.unaffected("issuer silent", known_token="a"):
        found = await tokens.ask("b")
    tokens.note("silent, key not known", found)
    assert found[:2] == UNAVAILABLE
    assert FETCH_BOUND - 0.5 < found[2] < FETCH_BOUND + ROOM
    # Nobody asks again within the minute, and a failure stays a failure.
    found = await tokens.ask("b")
    assert (found[:2], found[2] < ROOM) == (UNAVAILABLE, True)


@pytest.mark.parametrize("trouble", ["killed", "garbage"])
async def test_known_keys_stay_in_force(trouble: str, issuer: Issuer, tokens: Tokens) -> None:
    assert (await tokens.ask("a"))[:2] == VALID
    if trouble == "killed":
        issuer.process.kill()
    else:
        issuer.replace(GARBAGE)
    async with tokens.unaffected(f"issuer {trouble}", known_token="a"):
        found = await tokens.ask("b")
    tokens.note(f"{trouble}, key not known", found)
    assert (found[:2], found[2] < ROOM) == (UNAVAILABLE, True)
    assert (await tokens.ask("a"))[:2] == VALID


async def test_a_rotation_is_noticed_with_the_first_new_token(issuer: Issuer, tokens: Tokens) -> None:
    assert (await tokens.ask("a"))[:2] == VALID
    issuer.publish("b")
    async with tokens.unaffected("issuer rotated"):
        found = await tokens.ask("b")
    tokens.note("rotated", found)
    assert (found[:2], found[2] < ROOM) == (VALID, True)
    gone = await tokens.ask("a")
    assert gone[:2] == (400, "malformed")
