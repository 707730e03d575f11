"""How many cores there are: what ONNX Runtime and AgentMem take for a default."""

from __future__ import annotations

import os


def physical_cores() -> int:
    """Cores of this machine, a hyper-threaded one counted once; where that is not known, logical processors."""
    import psutil

    return psutil.cpu_count(logical=False) or os.cpu_count() or 1
