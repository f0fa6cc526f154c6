"""Run a command that the kernel ends when the process that asked for it dies.

    python -I -S guard.py PARENT SIGNAL COMMAND [ARGUMENT...]

A program of its own rather than a hook between fork and exec, because running Python there is unsafe in a process that
has threads. Uses nothing but the standard library's built-in parts, so it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command; never returns."""
    parent, signal_number, *command = arguments
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != int(parent):
        # The parent died before the kernel knew of our wish.
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the caller's own command


if __name__ == "__main__":
    main(sys.argv[1:])
