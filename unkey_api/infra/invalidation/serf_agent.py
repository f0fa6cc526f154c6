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
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import structlog

from unkey_api.core.secret import Secret

RESTART_FIRST_SECONDS = 1.0
RESTART_MOST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # an agent that ran this long starts with the shortest pause again
STOP_SECONDS = 5.0  # it says good-bye to the others first, which takes about a second
JOIN_EVERY = "5s"
COMPLAINTS_MAX = 100  # anybody on the network can make it complain
_NAME = re.compile(r"[^A-Za-z0-9.-]")
_NUMBER = re.compile(r"\d+")
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
    """Keeps an agent running. It reads its settings from its standard input: everybody can read a command line."""

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
        pause = RESTART_FIRST_SECONDS
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            await self._run_once()
            if asyncio.get_running_loop().time() - started > STEADY_SECONDS:
                pause = RESTART_FIRST_SECONDS
            if not self._stopping.is_set():
                _log.warning("serf agent does not run", reason=self._trouble, retry_seconds=pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            pause = min(pause * 2, RESTART_MOST_SECONDS)

    async def _run_once(self) -> None:
        program = shutil.which(self._options.program)
        if program is None:
            self._trouble = f"{self._options.program} is not installed"
            return
        settings = readable(orjson.dumps(agent_config(self._options)))
        try:
            child = await asyncio.create_subprocess_exec(
                *dying_with_us(),
                *(program, "agent", "-config-file=/dev/stdin"),
                stdin=settings,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as err:
            self._trouble = f"{program} cannot be started: {err.strerror}"
            return
        finally:
            os.close(settings)
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
    """Return the configuration of an agent."""
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


def readable(content: bytes) -> int:
    """Return a descriptor from which a child can read some kilobytes; the caller closes it.

    A pipe, because an event loop may give a child a socket, which it could not open as a file.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(content)
    return reading


def dying_with_us() -> tuple[str, ...]:
    """Return a prefix by which the kernel ends the agent when this process is killed; empty where there is none."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM") if setpriv else ()


async def _follow(child: asyncio.subprocess.Process) -> str:
    """Log what the agent complains about until it ends, each thing once; return its last words."""
    last = ""
    said: set[str] = set()
    assert child.stdout is not None  # noqa: S101 - it was asked for
    while line := await child.stdout.readline():
        text = line.decode(errors="replace").strip()
        last = text or last
        marked = _MARK.search(text)
        kind = "" if marked is None else _NUMBER.sub("", marked[2])
        if marked is not None and kind not in said and len(said) < COMPLAINTS_MAX:
            said.add(kind)
            _log.warning("serf agent complains", level_of_agent=marked[1], said=marked[2])
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
