"""A command in a pseudo-terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from typing import Self

ROWS, COLUMNS = 36, 120
WAIT_S = 60.0
"""How long a command may write nothing before the benchmark gives up."""
READ_BYTES = 1 << 16
EXEC_FAILED = 127
"""The exit code of a shell whose command cannot be started."""


class Terminal:
    """A command in a pseudo-terminal of 120x36.

    Leaving the `with` block hangs up and waits until the command has exited.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Start the command.

        Args:
            command: The path of a program and its arguments.
        """
        self.started_s = time.perf_counter()
        """When the command started, on the clock of `time.perf_counter`."""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            _become(command)
        self._exited = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._exited:
            os.kill(self.pid, signal.SIGHUP)
            self._read_to_end()
            self._wait_for_exit()
        os.close(self._descriptor)

    def press(self, key: bytes) -> None:
        """Send a key to the command."""
        os.write(self._descriptor, key)

    def wait_for(self, text: bytes) -> float:
        """Read until the command writes some text.

        Returns:
            Seconds from the call until the text arrived.
        """
        began_s, tail = time.perf_counter(), b""
        while text not in tail:
            if not self._is_readable(WAIT_S) or not (chunk := self._read()):
                sys.exit(f"the command never wrote {text!r}; its last output: {tail[-300:]!r}")
            tail = tail[-max(len(text), 300) :] + chunk
        return time.perf_counter() - began_s

    def read_for(self, seconds: float) -> None:
        """Read and discard the command's output for a fixed time."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            if self._is_readable(left_s) and not self._read():
                sys.exit("the command ended too early")

    def read_until_exit(self) -> int:
        """Read until the command exits; a non-zero exit code ends the benchmark.

        Returns:
            The number of bytes written.
        """
        written_bytes = self._read_to_end()
        if exit_code := self._wait_for_exit():
            sys.exit(f"the command failed with exit code {exit_code}")
        return written_bytes

    def _read_to_end(self) -> int:
        read_bytes = 0
        while chunk := self._read():
            read_bytes += len(chunk)
        return read_bytes

    def _read(self) -> bytes:
        """Return what the command wrote; nothing once it has closed the terminal."""
        try:
            return os.read(self._descriptor, READ_BYTES)
        except OSError:  # how Linux reports that the other end is closed
            return b""

    def _is_readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], timeout_s)[0])

    def _wait_for_exit(self) -> int:
        self._exited = True
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _become(command: Sequence[str]) -> None:
    """Replace this forked process with the command, in an environment like a user's."""
    try:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execv(command[0], list(command))
    finally:
        os._exit(EXEC_FAILED)
