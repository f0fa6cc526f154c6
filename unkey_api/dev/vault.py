"""A private vault as a child process; its key file is part of the data folder."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unkey_api.core.secret import Secret
from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.probes import answers_http
from unkey_api.dev.process import ChildSpec, child_process
from unkey_api.dev.vault_server import TOKEN_VARIABLE

START_LIMIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Vault:
    """A running vault."""

    port: int
    token: Secret

    @property
    def url(self) -> str:
        """The `vault.url` setting that reaches it."""
        return f"http://{LOOPBACK}:{self.port}"


@asynccontextmanager
async def vault(folder: Path, port: int, token: Secret) -> AsyncIterator[Vault]:
    """Run the vault with the key in `folder`.

    Raises:
        ChildFailed: It did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module = "unkey_api.dev.vault_server"
    spec = ChildSpec(
        name="vault",
        command=[sys.executable, "-m", module, "--key", str(folder.resolve() / "master.key"), "--port", str(port)],
        log=folder / "server.log",
        orphan_signal=signal.SIGKILL,  # it writes nothing after its start
        environment={TOKEN_VARIABLE: token.reveal()},
    )
    async with child_process(spec) as child:
        await child.until_ready(lambda: answers_http(port, "/health/ready"), within=START_LIMIT)
        yield Vault(port, token)
