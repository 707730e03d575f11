"""The runner's end of the pipe to the console. Ticks never wait for the console; all other messages do."""

from __future__ import annotations

import os
import select

from membench.messages.encoding import Message, frame
from membench.messages.run import Tick, merge


class Channel:
    """A writer of messages to a file descriptor. While the console is slow, it merges ticks into a single one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unsent = b""
        self._pending_tick: Tick | None = None
        os.set_blocking(descriptor, False)

    def offer(self, tick: Tick) -> None:
        """Send a tick if the pipe has room; otherwise merge it into the pending one. Never blocks."""
        self._pending_tick = merge(self._pending_tick, tick) if self._pending_tick else tick
        self._write_available()

    def send(self, message: Message) -> None:
        """Send everything pending and then a message; blocks for as long as the console takes."""
        while self._unsent or self._pending_tick:
            self._wait_writable()
            self._write_available()
        self._unsent = frame(message)
        while self._unsent:
            self._wait_writable()
            self._write_available()

    def _write_available(self) -> None:
        """Write as much as the pipe accepts. A tick is encoded only after the frame before it has left."""
        while True:
            if not self._unsent and self._pending_tick:
                self._unsent, self._pending_tick = frame(self._pending_tick), None
            if not self._unsent:
                return
            try:
                written = os.write(self._descriptor, self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[written:]

    def _wait_writable(self) -> None:
        select.select([], [self._descriptor], [])
