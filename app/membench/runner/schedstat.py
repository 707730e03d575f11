"""What Linux says of a thread: nanoseconds it ran, nanoseconds it was ready to run with no CPU free, and time slices.

Source: the kernel's Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO


def _is_available() -> bool:
    """Whether the kernel keeps the account: Linux, unless it was built without it."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[0]) > 0
    except (OSError, ValueError, IndexError):
        return False


AVAILABLE = _is_available()


class _Files(threading.local):
    """The calling thread's own account, opened once and closed with the thread."""

    file: BinaryIO | None = None


_files = _Files()


def queued_ns() -> int:
    """How long the calling thread has waited for a CPU so far; 0 where the system does not tell."""
    if not AVAILABLE:
        return 0
    try:
        if _files.file is None:
            _files.file = open("/proc/thread-self/schedstat", "rb", buffering=0)  # noqa: SIM115
        return int(os.pread(_files.file.fileno(), 96, 0).split()[1])
    except OSError:  # a forked child has the account of its parent, which may be gone
        return 0


def thread_account(native_id: int | str) -> tuple[int, int, int]:
    """The three figures of any thread of this process.

    Raises:
        OSError: There is no such thread any more.
    """
    with open(f"/proc/self/task/{native_id}/schedstat", "rb", buffering=0) as file:
        run_ns, queued, slices = map(int, file.read(96).split())
    return run_ns, queued, slices
