"""Locks on folders, which tell whether the process that works in one still runs.

The system releases the lock when the process ends, however it ends. A process ID would not tell: in another container
it is unknown, and later another process has it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_folder(folder: Path) -> int:
    """Lock a folder, and return the descriptor that holds the lock.

    Raises:
        OSError: The folder cannot be opened.
    """
    descriptor = _open(folder)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_locked(folder: Path) -> bool:
    """Return whether a process has locked a folder; False if there is no such folder."""
    try:
        descriptor = _open(folder)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
