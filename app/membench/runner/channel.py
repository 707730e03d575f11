"""The runner's end of the pipe to the console: ticks never wait for it, everything else does."""

from __future__ import annotations

import os
import select

from membench.messages.run import Message, Tick, frame, merge


class Channel:
    """Writes messages to a file descriptor. When the console is slow, ticks are merged into one that waits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unsent = b""
        self._waiting: Tick | None = None
        os.set_blocking(descriptor, False)

    def offer(self, tick: Tick) -> None:
        """Send a tick if the pipe has room for it now; keep it, merged with what waits, if not."""
        self._waiting = merge(self._waiting, tick) if self._waiting else tick
        self._push()

    def send(self, message: Message) -> None:
        """Send a message, after all that waits, however long the console takes."""
        while self._unsent or self._waiting:
            self._wait()
            self._push()
        self._unsent = frame(message)
        while self._unsent:
            self._wait()
            self._push()

    def _push(self) -> None:
        """Write what the pipe takes; a tick is put into a frame only when the frame before it is out."""
        while True:
            if not self._unsent and self._waiting:
                self._unsent, self._waiting = frame(self._waiting), None
            if not self._unsent:
                return
            try:
                written = os.write(self._descriptor, self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[written:]

    def _wait(self) -> None:
        select.select([], [self._descriptor], [])
