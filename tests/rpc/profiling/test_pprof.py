"""`/debug/pprof/`: who may look, and that the standard tool reads what comes out."""

from __future__ import annotations

import asyncio
import base64
import gzip
import shutil
import sys
import tracemalloc
from pathlib import Path

import pytest
from unkey_proto.perftools.profiles.profile_pb import Profile

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.surface import Surface
from tests.support.waiting import eventually
from unkey_api.core.secret import Secret
from unkey_api.profiling import Profiles
from unkey_api.rpc.pprof import GUESSES_AT_ONCE, GUESSES_PER_SECOND, TOO_MANY_GUESSES, Pprof

GO = shutil.which("go") or ("/usr/local/go/bin/go" if Path("/usr/local/go/bin/go").exists() else None)


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


GOOD = basic("ops", "pass:word")


@pytest.fixture
def client() -> Client:
    surface = Surface()
    surface.pprof = Pprof(Profiles(FixedClock()), username="ops", password=Secret("pass:word"))
    return surface.build()


async def get(client: Client, name: str, headers: dict[str, str], query: str = "") -> Answer:
    return await client.request("GET", f"/debug/pprof/{name}", b"", headers=headers, query=query)


def names_in(profile: Profile) -> set[str]:
    return {profile.string_table[function.name] for function in profile.function}


def decoded(answer: Answer) -> Profile:
    assert answer.status == 200
    return Profile.from_binary(gzip.decompress(answer.body))


async def spin(until: asyncio.Event) -> None:
    """Keep the loop busy in a function a profile can name."""
    while not until.is_set():
        burn()
        await asyncio.sleep(0)


def burn() -> int:
    """Work in Python's own loop, where a sampler can look, for long enough to be seen."""
    total = 0
    for number in range(200_000):
        total += number
    return total


class TestDenied:
    @pytest.mark.parametrize(
        ("headers", "detail"),
        [
            ({}, "Basic authentication is required."),
            ({"authorization": "Bearer x"}, "Basic authentication is required."),
            ({"authorization": "Basic %%%"}, "Invalid username or password."),
            (basic("ops", "wrong"), "Invalid username or password."),
            (basic("other", "pass:word"), "Invalid username or password."),
        ],
    )
    async def test_without_the_password_nothing_is_shown(
        self, client: Client, headers: dict[str, str], detail: str
    ) -> None:
        answer = await get(client, "cmdline", headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="pprof"')
        assert answer.json["error"]["detail"] == detail

    async def test_not_configured_means_not_there(self) -> None:
        assert (await get(Surface().build(), "cmdline", GOOD)).status == 404


class TestProfiles:
    async def test_cpu_profile_names_the_busy_function(self, client: Client) -> None:
        done = asyncio.Event()
        busy = asyncio.create_task(spin(done))
        profile = decoded(await get(client, "profile", GOOD, "seconds=1"))
        done.set()
        await busy
        assert "burn" in names_in(profile)
        assert profile.period == 10_000_000
        assert all(len(sample.value) == 2 for sample in profile.sample)

    async def test_heap_profile_counts_what_is_kept(self, client: Client) -> None:
        kept: list[bytes] = []

        async def allocate() -> None:
            await eventually(tracemalloc.is_tracing)
            kept.append(bytes(1_000_000))

        task = asyncio.create_task(allocate())
        profile = decoded(await get(client, "heap", GOOD, "seconds=0.2"))
        await task
        assert max(sample.value[1] for sample in profile.sample) >= 1_000_000

    async def test_tasks_show_where_each_one_waits(self, client: Client) -> None:
        waiting = asyncio.create_task(asyncio.Event().wait(), name="waits-for-ever")
        await asyncio.sleep(0)
        names = names_in(decoded(await get(client, "tasks", GOOD)))
        waiting.cancel()
        assert "task waits-for-ever" in names

    async def test_cmdline_hides_what_may_hold_a_password(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["unkey-api", "serve", "--config", 'redis_url = "redis://:hush@x"'])
        assert (await get(client, "cmdline", GOOD)).body == b"unkey-api\0serve\0--config\0[REDACTED]"

    async def test_index_lists_the_profiles(self, client: Client) -> None:
        assert b"heap?seconds" in (await get(client, "", GOOD)).body

    @pytest.mark.timeout(300)  # newer toolchains build the tool at its first use
    @pytest.mark.skipif(GO is None, reason="needs the Go toolchain for `go tool pprof`")
    @pytest.mark.parametrize("name", ["profile", "heap", "tasks"])
    async def test_go_tool_pprof_reads_it(self, client: Client, name: str, tmp_path: Path) -> None:
        file = tmp_path / "profile.pb.gz"
        file.write_bytes((await get(client, name, GOOD, "seconds=0.2")).body)
        assert GO is not None
        process = await asyncio.create_subprocess_exec(
            GO, "tool", "pprof", "-top", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        assert b"flat%" in output


async def test_guessing_ends_after_a_few_attempts_and_only_for_who_guesses(client: Client) -> None:
    answers = [await get(client, "cmdline", basic("ops", f"guess {n}")) for n in range(GUESSES_AT_ONCE + 3)]
    assert {answer.status for answer in answers} == {401}
    assert TOO_MANY_GUESSES not in answers[GUESSES_AT_ONCE - 1].body.decode()
    assert TOO_MANY_GUESSES in answers[GUESSES_AT_ONCE].body.decode()
    assert TOO_MANY_GUESSES in (await get(client, "cmdline", GOOD)).body.decode()
    assert (await get(Client(client.app, address="203.0.113.77"), "cmdline", GOOD)).status == 200


async def test_guessing_may_go_on_slowly() -> None:
    surface = Surface()
    surface.pprof = Pprof(Profiles(FixedClock()), username="ops", password=Secret("pass:word"))
    client = surface.build()
    for _ in range(GUESSES_AT_ONCE + 1):
        await get(client, "cmdline", basic("ops", "guess"))
    assert (await get(client, "cmdline", GOOD)).status == 401
    surface.clock.advance(round(1_000 / GUESSES_PER_SECOND) + 1)
    assert (await get(client, "cmdline", GOOD)).status == 200


async def test_credentials_that_cannot_be_read_count_as_guesses(client: Client) -> None:
    for _ in range(GUESSES_AT_ONCE):
        assert (await get(client, "cmdline", {"authorization": "Basic \xe9!"})).status == 401
    assert (await get(client, "cmdline", GOOD)).status == 401
