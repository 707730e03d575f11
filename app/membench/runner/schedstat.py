"""Linux's scheduler statistics of a thread: time running, time waiting for a core, and time slices.

Source: the kernel's Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO, NamedTuple


class ThreadTimes(NamedTuple):
    """Totals since a thread started."""

    run_ns: int
    queued_ns: int
    """Ready to run, with no core free."""
    slices: int
    """Times that the thread was given a core."""


def _is_available() -> bool:
    """Return whether the system provides the statistics: Linux does, unless its kernel was built without them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[0]) > 0
    except (OSError, ValueError, IndexError):
        return False


AVAILABLE = _is_available()


class _Files(threading.local):
    """The calling thread's statistics file, opened once and closed when the thread ends."""

    file: BinaryIO | None = None


_files = _Files()


def queued_ns() -> int:
    """Return how long the calling thread has waited for a core since it started; 0 where that is unknown."""
    if not AVAILABLE:
        return 0
    try:
        if _files.file is None:
            _files.file = open("/proc/thread-self/schedstat", "rb", buffering=0)  # noqa: SIM115
        return int(os.pread(_files.file.fileno(), 96, 0).split()[1])
    except OSError:  # after a fork, the file is that of the parent's thread, which may have ended
        return 0


def thread_times(native_id: int | str) -> ThreadTimes:
    """Return the statistics of a thread of this process.

    Raises:
        OSError: The thread has ended.
    """
    with open(f"/proc/self/task/{native_id}/schedstat", "rb", buffering=0) as file:
        return ThreadTimes(*map(int, file.read(96).split()))
