"""The log of a run: a file that keeps the beginning and the end of what was printed, without secrets."""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress

PART_BYTES = 1_000_000
"""Most bytes of the beginning, and of the end."""
LINE_BYTES = 10_000
"""Longest end of the beginning that waits for its line to be complete."""


class CappedLog:
    """A log of bounded size. What is left out is counted, and the file says how much it was.

    A log that cannot be written, because the disk is full, is given up: the run goes on.
    """

    def __init__(self, descriptor: int, part_bytes: int = PART_BYTES) -> None:
        """Start an empty log.

        Args:
            descriptor: An empty file, open for writing; it stays open.
            part_bytes: Most bytes of the beginning, and of the end.
        """
        self._descriptor = descriptor
        self._part_bytes = part_bytes
        self._head = bytearray()
        """What belongs to the beginning and is not yet in the file."""
        self._head_left = part_bytes
        self._head_end = 0
        """Where the end starts in the file."""
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._omitted_bytes = 0
        self._updated_s = time.monotonic()
        self.is_behind = False
        """Whether the file lacks something that was printed."""

    def write(self, data: bytes) -> None:
        """Take what was printed."""
        if not data:
            return
        self.is_behind = True
        head, rest = data[: self._head_left], data[self._head_left :]
        self._head += head
        self._head_left -= len(head)
        if not rest:
            return
        self._tail.append(rest)
        self._tail_bytes += len(rest)
        while self._tail_bytes - len(self._tail[0]) >= self._part_bytes:
            oldest = len(self._tail.popleft())
            self._tail_bytes -= oldest
            self._omitted_bytes += oldest

    def is_due(self, period_s: float) -> bool:
        """Return whether the file is behind, and was last updated some time ago."""
        return self.is_behind and time.monotonic() - self._updated_s >= period_s

    def update(self, *, with_end: bool) -> None:
        """Bring the file up to date, but for a line that is not complete.

        Args:
            with_end: Whether to write the end, too; each time, all of it is written again.
        """
        is_complete = self._tail or len(self._head) > LINE_BYTES
        self._update(len(self._head) if is_complete else self._head.rfind(b"\n") + 1, with_end=with_end)

    def close(self) -> None:
        """Bring the file up to date with everything printed."""
        self._update(len(self._head), with_end=True)

    def _update(self, head_bytes: int, *, with_end: bool) -> None:
        self.is_behind = bool(self._tail) and not with_end
        self._updated_s = time.monotonic()
        with suppress(OSError):
            if head_bytes:
                self._head_end += self._write(_without_secrets(bytes(self._head[:head_bytes])), self._head_end)
                del self._head[:head_bytes]
            if self._tail and with_end:
                end = self._head_end + self._write(_without_secrets(self._end()), self._head_end)
                os.ftruncate(self._descriptor, end)

    def _end(self) -> bytes:
        """Return the end of the log, after a line about what was left out before it."""
        tail = b"".join(self._tail)
        cut = max(len(tail) - self._part_bytes, 0)
        omitted = self._omitted_bytes + cut
        notice = f"\n[{omitted:,} bytes are left out here]\n".encode() if omitted else b""
        return notice + tail[cut:]

    def _write(self, data: bytes, offset: int) -> int:
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], offset + written)
        return written


def _without_secrets(printed: bytes) -> bytes:
    from membench.text import mask_secrets  # most runs print nothing, and start sooner without it

    return mask_secrets(printed.decode(errors="surrogateescape")).encode(errors="surrogateescape")
