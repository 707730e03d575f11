"""The processor cores of this machine, and those that this process may use."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
PROCESSORS = Path("/sys/devices/system/cpu")


def physical_cores() -> int:
    """Return the number of physical cores of this machine, or of logical processors if that is unknown.

    ONNX Runtime and AgentMem use it as their default parallelism.
    """
    import psutil

    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


def usable_cores() -> int:
    """Return the number of physical cores that this process may use: within its affinity, and its CPU quota.

    A quota of 1.5 cores keeps one thread busy all the time, and a second one half of it: that counts as one core.
    """
    cores = _cores_of(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical_cores()
    quota = cpu_quota()
    return cores if quota is None else max(min(cores, int(quota)), 1)


def cpu_quota() -> float | None:
    """Return the cores that a container may use, the least of its control groups; None without a limit.

    Reads `cpu.max` (control groups version 2), or else `cpu.cfs_quota_us` (version 1).
    """
    quotas = [quota for folder in own_cgroups() if (quota := _quota_in(folder)) is not None]
    return min(quotas, default=None)


def _cores_of(processors: set[int]) -> int:
    """Return the number of physical cores to which logical processors belong. Linux only."""
    cores = set()
    for number in processors:
        try:
            siblings = (PROCESSORS / f"cpu{number}/topology/thread_siblings_list").read_text(encoding="ascii")
        except OSError:
            siblings = str(number)
        cores.add(siblings.strip())
    return len(cores) or 1


def own_cgroups(controller: str = "cpu") -> list[Path]:
    """Return the folders of the control groups that limit this process: its own, and those above it.

    Args:
        controller: What they limit: `cpu`, `memory`.
    """
    try:
        lines = OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        # Version 2 has one hierarchy, without names of controllers; version 1 has one for each set of controllers.
        root = CGROUPS / controller if controller in controllers.split(",") else CGROUPS if not controllers else None
        if root:
            own = PurePosixPath(name)
            folders += [root / folder.relative_to("/") for folder in (own, *own.parents)]
    return folders


def _quota_in(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    limits_nothing = quota == "max" or int(quota) <= 0
    return None if limits_nothing else int(quota) / int(period)
