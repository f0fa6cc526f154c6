"""A serf agent as a child of this process: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from unkey_api.core.secret import Secret

RESTART_FIRST_SECONDS = 1.0
RESTART_MOST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # an agent that ran this long starts with the shortest pause again
STOP_SECONDS = 5.0  # it says good-bye to the others first, which takes about a second
JOIN_EVERY = "5s"
_NAME = re.compile(r"[^A-Za-z0-9.-]")
_MARK = re.compile(r"\[(WARN|ERR)\] (.*)")

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """How to run an agent."""

    program: str
    """Name or path of serf."""
    node: str
    """Unique in the cluster. What serf does not allow in a name becomes a dash."""
    bind: str
    """Host and port to gossip on."""
    advertise: str
    """What others reach it by; empty for the address bound."""
    rpc: str
    """Host and port for commands."""
    secret_key: Secret
    """Base64 key of the traffic."""
    join: tuple[str, ...]
    profile: str
    """`lan`, `wan` or `local`."""
    tags: Mapping[str, str]


def rpc_token(secret_key: Secret) -> Secret:
    """Return what our own agents want to be shown, so that only who knows the key can command them."""
    return Secret(hmac.new(secret_key.reveal().encode(), b"unkey-api serf commands", hashlib.sha256).hexdigest())


class SerfAgent:
    """Keeps an agent running. Its settings are in a file only we can read: a command line could be read by all."""

    def __init__(self, options: AgentOptions) -> None:
        self._options = options
        self._trouble = "the agent has not started yet"
        self._stopping = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why the agent does not run; empty while it does."""
        return self._trouble

    def close(self) -> None:
        """Have `run` stop the agent, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep the agent running until closed. Raises only on a bug."""
        with tempfile.TemporaryDirectory(prefix="unkey-serf-") as folder:
            pause = RESTART_FIRST_SECONDS
            while not self._stopping.is_set():
                started = asyncio.get_running_loop().time()
                await self._run_once(Path(folder) / "agent.json")
                if asyncio.get_running_loop().time() - started > STEADY_SECONDS:
                    pause = RESTART_FIRST_SECONDS
                if not self._stopping.is_set():
                    _log.warning("serf agent does not run", reason=self._trouble, retry_seconds=pause)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                pause = min(pause * 2, RESTART_MOST_SECONDS)

    async def _run_once(self, config: Path) -> None:
        program = shutil.which(self._options.program)
        if program is None:
            self._trouble = f"{self._options.program} is not installed"
            return
        write_private(config, orjson.dumps(agent_config(self._options)))
        try:
            child = await asyncio.create_subprocess_exec(
                *dying_with_us(),
                *(program, "agent", f"-config-file={config}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as err:
            self._trouble = f"{program} cannot be started: {err.strerror}"
            return
        self._trouble = ""
        await self._watch(child)

    async def _watch(self, child: asyncio.subprocess.Process) -> None:
        output = asyncio.create_task(_follow(child), name="serf.output")
        stopping = asyncio.create_task(self._stopping.wait(), name="serf.stopping")
        try:
            await asyncio.wait([output, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await _stop(child)
            last = await output
            self._trouble = f"the agent ended: {last}" if last else "the agent ended"


def agent_config(options: AgentOptions) -> dict[str, object]:
    """Return the configuration file of an agent."""
    config: dict[str, object] = {
        "node_name": _NAME.sub("-", options.node),
        "bind": options.bind,
        "rpc_addr": options.rpc,
        "rpc_auth": rpc_token(options.secret_key).reveal(),
        "encrypt_key": options.secret_key.reveal(),
        "tags": dict(options.tags),
        "profile": options.profile,
        "leave_on_terminate": True,
        "disable_coordinates": True,
        "log_level": "warn",
    }
    if options.advertise:
        config["advertise"] = options.advertise
    if options.join:
        # Not `start_join`: an agent whose first try fails would end.
        config |= {"retry_join": list(options.join), "retry_interval": JOIN_EVERY}
    return config


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only this user can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def dying_with_us() -> tuple[str, ...]:
    """Return a prefix by which the kernel ends the agent when this process is killed; empty where there is none."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM") if setpriv else ()


async def _follow(child: asyncio.subprocess.Process) -> str:
    """Log what the agent complains about until it ends; return its last words."""
    last = ""
    assert child.stdout is not None  # noqa: S101 - it was asked for
    while line := await child.stdout.readline():
        text = line.decode(errors="replace").strip()
        last = text or last
        marked = _MARK.search(text)
        if marked is not None:
            _log.debug("serf agent", level_of_agent=marked[1], said=marked[2])
    return last


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
            return
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()
