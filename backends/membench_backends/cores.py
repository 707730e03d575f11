"""The number of physical cores, which ONNX Runtime and AgentMem use as their default parallelism."""

from __future__ import annotations

import os


def physical_cores() -> int:
    """Return the number of physical cores of this machine, or of logical processors if that is unknown."""
    import psutil

    return psutil.cpu_count(logical=False) or os.cpu_count() or 1
