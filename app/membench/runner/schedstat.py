"""Linux's scheduler statistics of a thread: time running, time waiting for a core, and time slices.

Source: the kernel's Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`.
"""

from __future__ import annotations

import ctypes
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple


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


LINE_MAX = 96
"""Bytes of a statistics file: three numbers of up to twenty digits."""
_pread = ctypes.PyDLL(None).pread
"""Unlike `os.pread`, it keeps the GIL: where other threads run Python code, giving the GIL up costs 5 ms, for which
the thread that reads may hold a lock."""
_pread.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
_pread.restype = ctypes.c_ssize_t


class _Files(threading.local):
    """The calling thread's statistics file, opened once and closed when the thread ends, and a buffer for it."""

    def __init__(self) -> None:
        self._file = open("/proc/thread-self/schedstat", "rb", buffering=0)  # noqa: SIM115
        self._line = ctypes.create_string_buffer(LINE_MAX)
        self.read = partial(_pread, self._file.fileno(), ctypes.addressof(self._line), LINE_MAX, 0)
        """Reads the file into the buffer, and returns the length of the line."""

    def queued_ns(self) -> int:
        """Return the second number of the line."""
        length = self.read()
        # After a fork, the file is that of the parent's thread, which may have ended.
        return int(self._line.raw[:length].split(None, 2)[1]) if length > 0 else 0


_files = _Files()


def queued_ns() -> int:
    """Return how long the calling thread has waited for a core since it started; 0 where that is unknown."""
    if not AVAILABLE:
        return 0
    return _files.queued_ns()


def thread_times(native_id: int | str) -> ThreadTimes:
    """Return the statistics of a thread of this process.

    Raises:
        OSError: The thread has ended.
    """
    with open(f"/proc/self/task/{native_id}/schedstat", "rb", buffering=0) as file:
        return ThreadTimes(*map(int, file.read(96).split()))
