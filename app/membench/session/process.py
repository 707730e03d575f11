"""A process that works for the console: started, read, and seen out by force if need be."""

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

from membench.messages.run import Frames, Message, decode_message

GRACE_S = 2.0
LOGS_KEPT = 200


class MeasuredProcess:
    """A module of `membench.runner` in a process of its own, with a folder of its own and a log for what it prints.

    It gets a session of its own, so a terminal's Ctrl-C reaches only the console, and so that Linux shares the cores
    between the two of them first (autogroups): a key is answered at once, however many threads the process runs.
    """

    def __init__(self, module: str, name: str, request: bytes = b"", arguments: tuple[str, ...] = ()) -> None:
        """Start it.

        Args:
            module: What to run.
            name: Names the log.
            request: Frames for its standard input, which then stays open as a sign of life.
            arguments: For its command line, after its folder.

        Raises:
            OSError: It cannot be started.
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
        with suppress(BrokenPipeError):  # dead already: reading will find that out
            self._input.write(request)

    def _start(self, module: str, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as stderr:
            return subprocess.Popen(
                # -P keeps the current folder off the module path: a user's own app/ must not be taken for ours.
                [sys.executable, "-P", "-m", module, str(self._folder), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,
            )

    def fileno(self) -> int:
        """The descriptor to wait on before `read`."""
        return self._output.fileno()

    def read(self) -> list[Message]:
        """The messages that have arrived; waits for some.

        Raises:
            EOFError: The process has closed its end; it is gone, or about to be.
            msgspec.DecodeError: What arrived is no message.
        """
        data = os.read(self.fileno(), 1 << 20)
        if not data:
            raise EOFError
        return [decode_message(body) for body in self._frames.feed(data)]

    def messages(self) -> Iterator[Message]:
        """Every message until the process closes its end."""
        with suppress(EOFError):
            while True:
                yield from self.read()

    def end(self) -> None:
        """See the process out and remove its folder. One that is not done ends when its standard input closes."""
        with suppress(OSError):
            self._input.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        with suppress(ProcessLookupError, PermissionError):  # what is left of its group, itself or processes it started
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def death(self) -> str:
        """How the process ended, for a person; call it after `end`."""
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the runner {how}; its log is {self.log}"


def log_path(name: str) -> Path:
    """Where a process's log goes; the oldest logs make room for it."""
    folder = platformdirs.user_log_path("membench-tui", ensure_exists=True)
    for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-LOGS_KEPT]:
        old.unlink(missing_ok=True)
    return folder / f"{name}.log"
