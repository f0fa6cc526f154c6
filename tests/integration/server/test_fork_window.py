"""A stop that arrives while a worker is being forked reaches that worker too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration


def test_stop_in_the_middle_of_a_fork_ends_the_new_worker() -> None:
    # Unreached, the worker would live until its supervisor kills it, ten minutes later.
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fork_window_program"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = program.communicate(timeout=50)
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
    assert output.split() == ["0", "False"]
