"""Addresses that fail, one kind of failure each, for clients that run in programs of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.e2e.troubles import Troubles
from tests.support.gate import Fault, Gate, gate_to
from unkey_api.dev.ports import free_ports


@dataclass(frozen=True, slots=True)
class BadWays:
    """Gates in front of the service."""

    healing: Gate
    """The first request meets a 503."""
    dropping: Gate
    """The first connection is dropped."""
    unavailable: Gate
    internal: Gate
    silent: Gate
    black_hole: str
    """Accepts connections and says nothing, whatever is spoken on them."""

    def given(self, troubles: Troubles) -> dict[str, str]:
        """Return everything a client needs to know."""
        urls = {
            "healing": self.healing.url,
            "dropping": self.dropping.url,
            "unavailable": self.unavailable.url,
            "internal": self.internal.url,
            "silent": self.silent.url,
            "black_hole": self.black_hole,
            "nowhere": f"http://127.0.0.1:{free_ports(1)[0]}",
        }
        return troubles.given() | urls


@contextmanager
def bad_ways(base: str, black_hole: str) -> Iterator[BadWays]:
    """Open one gate per kind of failure."""
    with ExitStack() as stack:
        gates = [stack.enter_context(gate_to(base)) for _ in range(5)]
        healing, dropping, unavailable, internal, silent = gates
        healing.plan(Fault.UNAVAILABLE)
        dropping.plan(Fault.DROPPED)
        unavailable.always(Fault.UNAVAILABLE)
        internal.always(Fault.INTERNAL)
        silent.always(Fault.SILENT)
        yield BadWays(healing, dropping, unavailable, internal, silent, black_hole)
