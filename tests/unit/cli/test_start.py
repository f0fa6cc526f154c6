"""What every command waits for before it does anything."""

from __future__ import annotations

import subprocess
import sys

LOADED = "import sys, unkey_api.cli; print(*sys.modules)"
OF_SERVERS = {"coredis", "hypercorn", "protovalidate", "unkey_proto", "unkey_api.container.stores"}


def test_commands_load_nothing_that_only_servers_need() -> None:
    """It would double the time until a command begins."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    loaded = set(done.stdout.split())
    assert "unkey_api.cli.root_keys" in loaded
    assert not OF_SERVERS & loaded
