"""Agents that are missing, strange, killed or frozen."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.test_invalidation_bus import Node, nodes
from tests.support.serf import (
    agent_options,
    channel_to,
    cluster,
    free_ports,
    members,
    needs_serf,
    running_agent,
)
from tests.support.waiting import eventually
from unkey_api.core.secret import Secret
from unkey_api.infra.invalidation.serf_agent import AgentOptions, agent_config

pytestmark = [pytest.mark.integration, needs_serf]


@asynccontextmanager
async def lone_agent(**changes: object) -> AsyncIterator[AgentOptions]:
    options = replace(agent_options("lone", *free_ports(2)), **changes)  # type: ignore[arg-type]  # names are checked by the class
    async with running_agent(options) as agent:

        async def answers() -> bool:
            return await members(options) == 1

        await eventually(answers, within_seconds=15)
        assert agent.trouble == ""
        yield options


def processes(options: AgentOptions) -> list[int]:
    """Return the agents that listen for commands where these options say."""
    wanted = f"{int(options.rpc.rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{wanted}") and line[3] == "0A"}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(each.readlink()) in sockets for each in (folder / "fd").iterdir()):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def command_line(pid: int) -> str | None:
    """Return what everybody on the machine can read about a process; None when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return None


class TestAgent:
    async def test_it_is_started_again_when_it_was_killed_and_messages_flow_again(self) -> None:
        async with cluster(2) as agents, nodes(lambda number: [channel_to(agents[number])], 2) as (a, b):
            (pid,) = processes(agents[0])
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda: a.bus.transport == "local")
            await eventually(lambda: a.bus.transport == "gossip", within_seconds=30)
            assert processes(agents[0]) != [pid]

            async def heard() -> bool:
                # Joining again takes a moment, in which what is said is lost, as may be.
                a.port.publish("keys", "afterwards")
                await asyncio.sleep(0.05)
                return "afterwards" in b.keys

            await eventually(heard, within_seconds=30)

    async def test_it_ends_with_its_owner_and_shows_its_key_to_nobody(self) -> None:
        async with lone_agent() as options:
            (pid,) = processes(options)
            shown = command_line(pid)
            assert shown is not None
            assert "agent" in shown
            assert options.secret_key.reveal() not in shown
        assert command_line(pid) is None

    @pytest.mark.parametrize("length", [16, 24, 32])
    async def test_keys_of_every_length_the_settings_allow_work(self, length: int) -> None:
        key = Secret(base64.b64encode(bytes(range(length))).decode())
        async with lone_agent(secret_key=key) as options:
            assert processes(options)

    async def test_a_program_that_is_missing_is_named(self) -> None:
        options = agent_options("lone", *free_ports(2), program="no-such-serf")
        async with running_agent(options) as agent:
            await eventually(lambda: agent.trouble == "no-such-serf is not installed")

    async def test_an_agent_that_cannot_run_says_why(self) -> None:
        bind, rpc = free_ports(2)
        options = replace(agent_options("lone", bind, rpc), profile="no-such-profile")
        async with running_agent(options) as agent:
            await eventually(lambda: "profile" in agent.trouble.lower())

    async def test_nodes_with_another_key_hear_nothing(self) -> None:
        async with lone_agent() as ours:
            port = int(ours.bind.rpartition(":")[2])
            other = Secret("b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=")
            stranger = agent_options("stranger", *free_ports(2), join=[port], key=other)
            async with running_agent(stranger):

                async def answers() -> bool:
                    return await members(stranger) == 1

                await eventually(answers, within_seconds=15)
                assert await members(ours) == 1

    def test_names_serf_does_not_allow_are_changed(self) -> None:
        assert agent_config(agent_options("ins_a b", 1, 2))["node_name"] == "ins-a-b"


class TestChannel:
    async def test_an_agent_that_does_not_know_us_is_reported(self) -> None:
        async with lone_agent() as options:
            node = Node(1, [channel_to(options, token=Secret("wrong"))])
            transports: list[str] = []
            node.bus._on_transport = transports.append
            running = asyncio.create_task(node.bus.run())
            await eventually(lambda: bool(transports) and "refuses" in transports[-1])
            node.bus.close()
            await running

    async def test_an_agent_that_freezes_is_given_up_and_found_again(self) -> None:
        async with lone_agent() as options, nodes(lambda _: [channel_to(options)], 1) as (a,):
            (pid,) = processes(options)
            os.kill(pid, signal.SIGSTOP)
            try:
                a.port.publish("keys", "k1")
                await eventually(lambda: a.bus.transport == "local")
            finally:
                os.kill(pid, signal.SIGCONT)
            await eventually(lambda: a.bus.transport == "gossip", within_seconds=30)

    async def test_something_else_that_listens_there_is_reported(self) -> None:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            writer.close()

        (port,) = free_ports(1)
        async with await asyncio.start_server(babble, "127.0.0.1", port):
            node = Node(1, [channel_to(agent_options("lone", 1, port))])
            running = asyncio.create_task(node.bus.run())
            await eventually(lambda: "protocol" in node.bus._states[0].trouble)
            node.bus.close()
            await running
