"""A process that works for the console: its start, its messages, and its end."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs

from membench.messages.encoding import Frames, Message, decode_message
from membench.session.folders import FOLDER_VARIABLE, ProcessFolder

SUPERVISOR = "membench.runner.supervisor"
CLOSING_S = 5.0
"""How long a process that has done its work may take to close what it uses."""
ENDING_S = 10.0
"""How long the supervisor may take to end all processes."""
LOGS_MAX = 200
"""Log files in the folder of logs, at most."""


class MeasuredProcess:
    """A module of `membench.runner` in a separate process, with a temporary folder and a log of what it prints.

    Its parent is a supervisor, which ends with the process whatever it has started, also if the console is killed.

    The supervisor starts a new session, so that Ctrl-C in a terminal reaches only the console. Linux also schedules
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
        self._folder = ProcessFolder()
        self._frames = Frames()
        self._has_closed = False
        self._code: int | None = None
        self._lifeline, lifeline = socket.socketpair()
        try:
            with lifeline:
                self._supervisor = self._start(lifeline, (module, *arguments))
        except OSError:
            self._lifeline.close()
            self._folder.remove()
            raise
        assert self._supervisor.stdin and self._supervisor.stdout
        self._input, self._output = self._supervisor.stdin, self._supervisor.stdout
        os.set_blocking(self._output.fileno(), False)
        with suppress(BrokenPipeError):  # the process has ended already, which reading reports
            self._input.write(request)

    def _start(self, lifeline: socket.socket, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        module, *arguments = command
        folder = str(self._folder.path)
        with self.log.open("wb") as log:
            return subprocess.Popen(
                # -P keeps the current folder off the module path, where a user's file could hide a module of ours.
                [sys.executable, "-P", "-m", SUPERVISOR, str(lifeline.fileno()), folder, module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
                pass_fds=(lifeline.fileno(),),
                env={**os.environ, FOLDER_VARIABLE: folder},
            )

    @property
    def sources(self) -> tuple[int, int]:
        """The descriptors to wait on before `read`: one for messages, one for the end of the process."""
        return self._output.fileno(), self._lifeline.fileno()

    def read(self) -> list[Message]:
        """Return the messages that have come in, perhaps none.

        Raises:
            EOFError: The process has ended, and there are no more messages.
            msgspec.DecodeError: The bytes received are not a message.
        """
        # A process that has ended sends no more, although one that it started may keep the pipe open.
        has_ended = bool(select.select([self._lifeline], [], [], 0)[0])
        try:
            data = os.read(self._output.fileno(), 1 << 20)
        except BlockingIOError:
            data = b""
            if not has_ended:
                return []
        if not data:
            self._has_closed = True
            raise EOFError
        return [decode_message(body) for body in self._frames.feed(data)]

    def messages(self) -> Iterator[Message]:
        """Yield every message until the process ends."""
        with suppress(EOFError):
            while True:
                select.select(self.sources, [], [])
                yield from self.read()

    def end(self, *, may_close: bool = False) -> None:
        """End the process and whatever it has started, and delete its folder.

        Args:
            may_close: Whether the process has done its work, and gets some time to close what it uses. So does one
                that has closed its output: its exit code is about to be known.
        """
        if may_close or self._has_closed:
            select.select([self._lifeline], [], [], CLOSING_S)
        with suppress(OSError):
            self._input.close()
        with suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_WR)
        try:
            self._supervisor.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._code = self._exit_code()
        if self._supervisor.returncode:
            self._folder.kill_processes()
        self._output.close()
        self._lifeline.close()
        self._folder.remove()

    def _exit_code(self) -> int | None:
        """Return the exit code that the supervisor has sent; None if it did not know."""
        self._lifeline.setblocking(False)
        with suppress(OSError, ValueError):
            return int(self._lifeline.recv(16))
        return None

    def exit_text(self) -> str:
        """Return how the process ended, as text; call it after `end`."""
        if self._code is None:
            reason = "was killed together with its supervisor"
        elif self._code < 0:
            reason = f"was killed by {signal.Signals(-self._code).name}"
        else:
            reason = f"ended with exit code {self._code}"
        return f"the runner {reason}; its log is {self.log}"


def log_path(name: str) -> Path:
    """Return the path of a new log, and delete the oldest logs."""
    folder = platformdirs.user_log_path("membench-tui", ensure_exists=True)
    for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-LOGS_MAX]:
        old.unlink(missing_ok=True)
    return folder / f"{name}.log"
