"""Ports of the embedded stores."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from unkey_api.dev.folder import CannotStart
from unkey_api.dev.ports import ATTEMPTS, LOOPBACK, free_ports, on_a_free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.fixture
def taken() -> Iterator[list[int]]:
    """Give ports that somebody else has been faster to take."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(2)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
            each.listen()
        yield [each.getsockname()[1] for each in sockets]


class Starter:
    """Starts where nobody listens yet, as a server does."""

    def __init__(self, *, broken: bool = False) -> None:
        self.tried: list[int] = []
        self.broken = broken

    async def start(self, port: int) -> str:
        self.tried.append(port)
        with closing(socket.socket()) as server:
            try:
                server.bind((LOOPBACK, port))
            except OSError as err:
                raise CannotStart("the port is taken") from err
        if self.broken:
            raise CannotStart("the program is broken")
        return "running"


async def test_a_server_that_lost_its_port_starts_on_another(taken: list[int]) -> None:
    starter = Starter()
    assert await on_a_free_port(starter.start, taken[0]) == ("running", starter.tried[-1])
    assert starter.tried[0] == taken[0]
    assert len(starter.tried) == 2


async def test_what_fails_for_another_reason_is_told_at_once() -> None:
    starter = Starter(broken=True)
    with pytest.raises(CannotStart, match="broken"):
        await on_a_free_port(starter.start, free_ports(1)[0])
    assert len(starter.tried) == 1


async def test_it_does_not_go_on_for_ever(taken: list[int]) -> None:
    """Somebody who takes every port first is not waited out."""
    tried: list[int] = []
    with ExitStack() as stack:

        async def start(port: int) -> str:
            tried.append(port)
            if port != taken[0]:
                faster = stack.enter_context(closing(socket.socket()))
                faster.bind((LOOPBACK, port))
                faster.listen()
            raise CannotStart("the port is taken")

        with pytest.raises(CannotStart):
            await on_a_free_port(start, taken[0])
    assert len(tried) == ATTEMPTS


@pytest.mark.skipif(not RANGE.exists(), reason="the system does not say which ports it hands out")
def test_no_connection_is_given_a_port_that_waits_for_its_server() -> None:
    low, high = map(int, RANGE.read_text(encoding="ascii").split())
    assert not [port for port in free_ports(50) if low <= port <= high]
