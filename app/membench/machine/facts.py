"""The facts about this machine that figures depend on."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from membench.units import plural
from membench_backends.cores import usable_cores

MEASURED_DISTRIBUTIONS = (
    "fastembed",
    "mem0ai",
    "numpy",
    "onnxruntime",
    "qdrant-client",
    "qdrant-edge-py",
    "tokenizers",
)
"""The distributions whose versions a figure depends on."""


@cache
def cpu_name() -> str:
    """Return the name of the processor, as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe() -> str:
    """Return the machine in a few words, with the cores that runs may use: `AMD EPYC, 2 cores`."""
    return f"{cpu_name()}, {plural(usable_cores(), 'core')}"


@cache
def own_version() -> str:
    """Return the version of this program."""
    from importlib.metadata import version

    return version("membench-tui")


def versions() -> dict[str, str]:
    """Return the installed versions of what is measured, by distribution."""
    from importlib.metadata import PackageNotFoundError, version

    installed = {}
    for distribution in MEASURED_DISTRIBUTIONS:
        try:
            installed[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return installed


def environment() -> dict[str, str]:
    """Return the machine and the versions, for the record of a run."""
    import psutil

    return {
        "cpu": cpu_name(),
        "cores": str(usable_cores()),
        "processors": str(os.cpu_count()),
        "memory_gb": f"{psutil.virtual_memory().total / 1e9:.0f}",
        "platform": platform.platform(),
        "python": platform.python_version(),
        **versions(),
    }
