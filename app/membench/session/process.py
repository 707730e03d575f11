"""A process that works for the console: its start, its messages, and its end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs

from membench.messages.encoding import Frames, Message, decode_message

GRACE_S = 2.0
"""Time between the request to end and SIGKILL."""
LOGS_MAX = 200
"""Log files in the folder of logs, at most."""


class MeasuredProcess:
    """A module of `membench.runner` in a separate process, with a temporary folder and a log of what it prints.

    The process starts a new session, so that Ctrl-C in a terminal reaches only the console. Linux also schedules
    sessions against each other (autogroups): the console reacts to a key at once, even if the process uses all cores.
    """

    def __init__(self, module: str, name: str, request: bytes = b"", arguments: tuple[str, ...] = ()) -> None:
        """Start the process.

        Args:
            module: The module to run.
            name: The name of the log.
            request: Frames for standard input, which then stays open: the process ends when it closes.
            arguments: Arguments of the command line, after the temporary folder.

        Raises:
            OSError: The process cannot be started.
        """
        self.log = log_path(name)
        self._folder = Path(tempfile.mkdtemp(prefix="membench-"))
        self._frames = Frames()
        try:
            self._process = self._start(module, arguments)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        with suppress(BrokenPipeError):  # the process has ended already, which reading reports
            self._input.write(request)

    def _start(self, module: str, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as stderr:
            return subprocess.Popen(
                # -P keeps the current folder off the module path, where a user's file could hide a module of ours.
                [sys.executable, "-P", "-m", module, str(self._folder), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,
            )

    def fileno(self) -> int:
        """Return the descriptor to wait on before `read`."""
        return self._output.fileno()

    def read(self) -> list[Message]:
        """Wait for messages and return them.

        Raises:
            EOFError: The process has closed its output: it has ended, or is about to.
            msgspec.DecodeError: The bytes received are not a message.
        """
        data = os.read(self.fileno(), 1 << 20)
        if not data:
            raise EOFError
        return [decode_message(body) for body in self._frames.feed(data)]

    def messages(self) -> Iterator[Message]:
        """Yield every message until the process closes its output."""
        with suppress(EOFError):
            while True:
                yield from self.read()

    def end(self) -> None:
        """Ask the process to end by closing its standard input, kill it after a grace period, and delete its folder."""
        with suppress(OSError):
            self._input.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        with suppress(ProcessLookupError, PermissionError):  # itself, or processes that it started
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def exit_text(self) -> str:
        """Return how the process ended, as text; call it after `end`."""
        code = self._process.returncode
        reason = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the runner {reason}; its log is {self.log}"


def log_path(name: str) -> Path:
    """Return the path of a new log, and delete the oldest logs."""
    folder = platformdirs.user_log_path("membench-tui", ensure_exists=True)
    for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-LOGS_MAX]:
        old.unlink(missing_ok=True)
    return folder / f"{name}.log"
