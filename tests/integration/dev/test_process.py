"""Children: ready when they say so, gone when their owner is, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from unkey_api.dev.folder import CannotStart
from unkey_api.dev.process import Child, ChildFailed, ChildSpec, child_process

pytestmark = pytest.mark.integration

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
PARENT_OF_SLEEPER = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)"
)


def spec(tmp_path: Path, program: str, *, stop_timeout: float = 10) -> ChildSpec:
    return ChildSpec(
        name="program",
        command=[sys.executable, "-c", program],
        log=tmp_path / "log",
        stop_timeout=timedelta(seconds=stop_timeout),
    )


def alive(pid: int) -> bool:
    """Whether the process exists and is more than an entry waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


async def printed(child: Child) -> bool:
    assert child.spec.log is not None
    return bool(child.spec.log.read_text())


async def test_leaving_the_block_ends_the_child(tmp_path: Path) -> None:
    async with child_process(spec(tmp_path, SLEEPER)) as child:
        await child.until_ready(lambda: printed(child), within=timedelta(seconds=10))
        assert alive(child.pid)
    assert not alive(child.pid)


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    async with child_process(spec(tmp_path, STUBBORN, stop_timeout=0.05)) as child:
        await child.until_ready(lambda: printed(child), within=timedelta(seconds=10))
    assert await child.wait() == -signal.SIGKILL


async def test_what_the_child_started_ends_with_it(tmp_path: Path) -> None:
    async with child_process(spec(tmp_path, PARENT_OF_SLEEPER)) as child:
        await child.until_ready(lambda: printed(child), within=timedelta(seconds=10))
        grandchild = int((tmp_path / "log").read_text().split()[0])
        assert alive(grandchild)
    await eventually(lambda: not alive(grandchild))


async def test_a_child_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = "import sys; print('no room left'); sys.exit(3)"
    with pytest.raises(ChildFailed, match=r"program ended at once with status 3(.|\n)*no room left"):
        async with child_process(spec(tmp_path, program)) as child:
            await child.until_ready(never, within=timedelta(seconds=10))


async def never() -> bool:
    return False


async def test_a_child_that_never_gets_ready_is_given_up_and_ended(tmp_path: Path) -> None:
    pids: list[int] = []

    async def start() -> None:
        async with child_process(spec(tmp_path, SLEEPER)) as child:
            pids.append(child.pid)
            await child.until_ready(never, within=timedelta(seconds=0.05))

    with pytest.raises(ChildFailed, match="did not answer"):
        await start()
    assert not alive(pids[0])


async def test_being_cancelled_twice_still_ends_the_child(tmp_path: Path) -> None:
    started = asyncio.Event()
    pids: list[int] = []

    async def own() -> None:
        async with child_process(spec(tmp_path, STUBBORN, stop_timeout=0.2)) as child:
            await child.until_ready(lambda: printed(child), within=timedelta(seconds=10))
            pids.append(child.pid)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(own())
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pids[0])


async def test_giving_up_on_a_stop_kills_without_asking_again(tmp_path: Path) -> None:
    """A person who presses Ctrl-C twice wants it now."""
    async with child_process(spec(tmp_path, STUBBORN, stop_timeout=600)) as child:
        await child.until_ready(lambda: printed(child), within=timedelta(seconds=10))
        stopping = asyncio.ensure_future(child.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
    assert await child.wait() == -signal.SIGKILL


async def test_killing_the_owner_takes_the_child_along(tmp_path: Path) -> None:
    """Nobody runs our clean-up after SIGKILL; the kernel has to."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from unkey_api.dev.process import ChildSpec, child_process\n"
        "async def main():\n"
        f"    command = [sys.executable, '-c', {SLEEPER!r}]\n"
        f"    spec = ChildSpec(name='c', command=command, log=Path({str(tmp_path / 'log')!r}))\n"
        "    async with child_process(spec) as child:\n"
        "        print(child.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    await eventually(lambda: bool((tmp_path / "log").read_text()))
    assert alive(pid)
    owner.kill()
    await owner.communicate()
    await eventually(lambda: not alive(pid))


async def test_a_child_whose_owner_is_gone_already_does_not_start() -> None:
    guard = Path(__file__).parents[3] / "unkey_api" / "dev" / "guard.py"
    arguments = ["-I", "-S", str(guard), str(os.getppid()), "9", "echo", "started"]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    assert (process.returncode, output) == (1, b"")


def test_a_failed_child_is_a_reason_not_to_start() -> None:
    assert issubclass(ChildFailed, CannotStart)
