"""Real serf agents for the test session."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing

import pytest

from tests.support.waiting import eventually
from unkey_api.core.secret import Secret
from unkey_api.dev import ports
from unkey_api.infra.invalidation.serf_agent import AgentOptions, SerfAgent, rpc_token
from unkey_api.infra.invalidation.serf_transport import SerfTransport

KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
needs_serf = pytest.mark.skipif(
    shutil.which("serf") is None, reason="serf is not installed: `make install` or `apt-get install serf`"
)


def free_ports(count: int) -> list[int]:
    """Return ports that are free for TCP and UDP on loopback right now, all different."""
    found: list[int] = []
    while len(found) < count:
        [port] = ports.free_ports(1)
        if port not in found and _is_free_for_udp(port):
            found.append(port)
    return found


def _is_free_for_udp(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def agent_options(
    node: str, bind: int, rpc: int, *, join: Sequence[int] = (), key: Secret = KEY, program: str = "serf"
) -> AgentOptions:
    """Return options of an agent on loopback."""
    return AgentOptions(
        program=program,
        node=node,
        bind=f"127.0.0.1:{bind}",
        advertise="",
        rpc=f"127.0.0.1:{rpc}",
        secret_key=key,
        join=tuple(f"127.0.0.1:{port}" for port in join),
        profile="lan",
        tags={"region": "test"},
    )


@asynccontextmanager
async def running_agent(options: AgentOptions) -> AsyncIterator[SerfAgent]:
    """Run an agent until the block is left, then stop it."""
    agent = SerfAgent(options)
    task = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        agent.close()
        await task


def channel_to(options: AgentOptions, *, token: Secret | None = None) -> SerfTransport:
    """Return a transport over an agent that runs with these options."""
    host, _, port = options.rpc.partition(":")
    return SerfTransport(host, int(port), token=rpc_token(options.secret_key) if token is None else token)


async def members(options: AgentOptions) -> int:
    """Return how many live members the agent knows; 0 while it does not answer."""
    child = await asyncio.create_subprocess_exec(
        *("serf", "members", "-status=alive", f"-rpc-addr={options.rpc}"),
        f"-rpc-auth={rpc_token(options.secret_key).reveal()}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await child.communicate()
    return len(output.splitlines()) if child.returncode == 0 else 0


@asynccontextmanager
async def cluster(size: int) -> AsyncIterator[list[AgentOptions]]:
    """Run agents that know each other."""
    free = free_ports(2 * size)
    made = [
        agent_options(f"n{number}-{free[0]}", free[number], free[size + number], join=free[:1] if number else ())
        for number in range(size)
    ]
    async with AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(running_agent(options)) for options in made]
        for options in made:

            async def complete(of: AgentOptions = options) -> bool:
                return await members(of) == size

            await eventually(complete, within_seconds=30, every_seconds=0.1)
        yield made
        for agent in agents:
            agent.close()  # all at once: each takes its time to leave
