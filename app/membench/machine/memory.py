"""The memory that this process, and those it starts, can still take."""

from __future__ import annotations

from pathlib import Path

from membench_backends.cores import own_cgroups


def available_memory() -> int:
    """Return the bytes that can be taken without swapping: of the machine, and within each of its control groups.

    Reads `memory.max` and `memory.current` (control groups version 2), or else `memory.limit_in_bytes` and
    `memory.usage_in_bytes` (version 1).
    """
    import psutil

    groups = [left for folder in own_cgroups("memory") if (left := _left_in(folder)) is not None]
    return max(min([psutil.virtual_memory().available, *groups]), 0)


def _left_in(folder: Path) -> int | None:
    """Return the bytes that a control group leaves; None without a limit. Pages of idle files count as free."""
    for most, used, idle in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit = (folder / most).read_text(encoding="ascii").strip()
            taken = int((folder / used).read_text(encoding="ascii"))
            statistics = dict(
                line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            )
        except (OSError, ValueError):
            continue
        return None if limit == "max" else int(limit) - taken + int(statistics.get(idle, 0))
    return None
