"""The temporary folders of the processes that the console starts, and those that dead consoles left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from membench_backends.folder_lock import is_locked, lock_folder

PREFIX = "membench-run-"
NEW_PREFIX = f".new-{PREFIX}"
"""Of a folder that is not locked yet."""
ROUNDS_MAX = 100
"""How often to look for processes that should have ended."""
FOLDER_VARIABLE = "MEMBENCH_FOLDER"
"""The environment variable by which a process, and what it starts, can be recognised."""


class ProcessFolder:
    """The folder of one process. The console locks it, so that others know whether it is in use."""

    def __init__(self) -> None:
        """Create the folder.

        Raises:
            OSError: The folder cannot be created.
        """
        new = Path(tempfile.mkdtemp(prefix=NEW_PREFIX))
        self._lock = lock_folder(new)
        self.path = new.with_name(new.name.removeprefix(".new-"))
        new.rename(self.path)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def kill_processes(self) -> None:
        """End the processes that work in this folder. Slow: only for when their supervisor could not do it."""
        _kill_processes_of(self.path)


def remove_abandoned() -> None:
    """Remove what consoles that were killed left behind: folders, and processes that work in them.

    Supervisors do this as soon as their console ends, unless they were killed as well.
    """
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/"):
            if path.stat().st_uid == os.getuid() and not is_locked(path):
                _kill_processes_of(path)
                shutil.rmtree(path, ignore_errors=True)


def _kill_processes_of(path: Path) -> None:
    """End the processes that have a folder in their environment, and those that they start meanwhile."""
    import psutil

    for _ in range(ROUNDS_MAX):
        found = 0
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(FOLDER_VARIABLE) == str(path):
                    process.kill()
                    found += 1
        if not found:
            return
