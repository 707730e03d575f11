"""A home of its own for each hostile case: it cannot reach the user's files, and what stays behind is seen."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

COMMAND = Path(sysconfig.get_path("scripts")) / "membench-tui"
PATIENCE_S = 120.0
"""How long a command of a case may take, at most."""


class Sandbox:
    """Folders for the settings, data, logs, models and temporary files of the commands that run in it.

    Use it as a context manager; the folders exist until its end.
    """

    def __init__(self, **environment: str) -> None:
        """Create the folders.

        Args:
            environment: Further environment variables of the commands.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="membench-faults-", ignore_cleanup_errors=True)
        self.root = Path(self._temporary.name)
        folders = {
            "HOME": "home",
            "XDG_CONFIG_HOME": "config",
            "XDG_DATA_HOME": "data",
            "XDG_STATE_HOME": "state",
            "TMPDIR": "tmp",
        }
        for name in (*folders.values(), "work"):
            (self.root / name).mkdir()
        own = {variable: str(self.root / name) for variable, name in folders.items()}
        # Models are shared: building a twin for each case would take most of the time.
        cache = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))}
        self.environment = {**os.environ, **own, **cache, "TERM": "xterm-256color", **environment}
        self.work = self.root / "work"
        """The current folder of the commands."""
        self.tmp = self.root / "tmp"

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            process.kill()
        self._temporary.cleanup()

    def start(self, arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start `membench-tui` with arguments. The options are those of `subprocess.Popen`."""
        return subprocess.Popen([COMMAND, *arguments], cwd=self.work, env=self.environment, **options)

    def run(self, arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run `membench-tui` to its end and return its output. The options are those of `subprocess.run`.

        Raises:
            subprocess.TimeoutExpired: It took longer than `PATIENCE_S`.
        """
        defaults: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL, "timeout": PATIENCE_S}
        return subprocess.run(
            [COMMAND, *arguments], cwd=self.work, env=self.environment, check=False, **(defaults | options)
        )

    def processes(self) -> list[psutil.Process]:
        """Return the processes that were started in this sandbox and still run, however they were started."""
        mark = str(self.root)
        left = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR", "").startswith(mark) and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
            except psutil.Error:
                continue
        return left

    def leftovers(self) -> list[Path]:
        """Return what lies in the folder for temporary files."""
        return sorted(self.tmp.iterdir())
