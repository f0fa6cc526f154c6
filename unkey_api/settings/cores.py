"""How much CPU this process has: what it may be scheduled on, and what a container may use of it."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def available_cores(*, root: Path = _ROOT) -> int:
    """Return how many cores this process may keep busy, at least 1.

    The CPU affinity counts, and the CPU quota of every control group the process is in, versions 1 and 2. A quota of
    one and a half cores counts as two.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Return the tightest CPU quota in cores, None where there is none or nobody can tell.

    Args:
        root: Where /proc and /sys are mounted.
    """
    quotas = [
        quota
        for folder, version in _groups(root)
        if (quota := _quota_v2(folder) if version == 2 else _quota_v1(folder)) is not None
    ]
    return min(quotas, default=None)


def _groups(root: Path) -> list[tuple[Path, int]]:
    """Return the folders of this process's groups and of those around them, with the version they are of."""
    folders: list[tuple[Path, int]] = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            folders += [(each, 2) for each in _upwards(root / "sys/fs/cgroup", path)]
        elif "cpu" in controllers.split(","):
            for name in (controllers, "cpu"):
                folders += [(each, 1) for each in _upwards(root / "sys/fs/cgroup" / name, path)]
    return folders


def _upwards(mount: Path, path: str) -> list[Path]:
    """Return the folder of a group and of all around it up to the mount point.

    In a container the path may be the one outside of it, which is not mounted; then the mount point is the group.
    """
    inner = PurePosixPath(path.lstrip("/"))
    return [mount / each for each in (inner, *inner.parents) if ".." not in each.parts]


def _quota_v2(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return _ratio(quota, period)


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """Return the quota in cores; `max` and -1 stand for none."""
    if not quota.isdecimal() or not period.isdecimal() or int(quota) == 0 or int(period) == 0:
        return None
    return int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
