"""What machine this is: the facts that a figure depends on."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

MEASURED_DISTRIBUTIONS = (
    "fastembed",
    "mem0ai",
    "numpy",
    "onnxruntime",
    "qdrant-client",
    "qdrant-edge-py",
    "tokenizers",
)


@cache
def cpu_name() -> str:
    """The processor's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe() -> str:
    """The machine in a few words: `AMD EPYC, 2 cores`."""
    cores = os.cpu_count() or 1
    return f"{cpu_name()}, {cores} core{'s' if cores > 1 else ''}"


@cache
def own_version() -> str:
    """The version of this program."""
    from importlib.metadata import version

    return version("membench-tui")


def versions() -> dict[str, str]:
    """Installed versions of what is measured, by distribution; those not installed are left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for distribution in MEASURED_DISTRIBUTIONS:
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, str]:
    """The machine and the versions, for the record of a run."""
    import psutil

    return {
        "cpu": cpu_name(),
        "cores": str(os.cpu_count()),
        "memory_gb": f"{psutil.virtual_memory().total / 1e9:.0f}",
        "platform": platform.platform(),
        "python": platform.python_version(),
        **versions(),
    }
