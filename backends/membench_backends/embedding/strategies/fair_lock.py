"""A lock that serves its waiters in the order they came: nobody starves, at the price of a switch at every release."""

from __future__ import annotations

import threading
from _thread import allocate_lock
from collections import deque
from time import perf_counter_ns


class FairLock:
    """Hands itself to whoever has waited longest. A `threading.Lock` goes to whoever asks first once it is free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guard = allocate_lock()
        self._turns: deque[_Turn] = deque()
        self._taken = False

    def __enter__(self) -> None:
        turn = None
        with self._guard:
            if self._taken:
                turn = _Turn(len(self._turns) + 1)
                self._turns.append(turn)
            self._taken = True
        if turn:
            turn.wait()
        self._lock.acquire()
        if turn:
            self._tell(turn)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        with self._guard:
            if self._turns:
                self._turns.popleft().come()
            else:
                self._taken = False

    def _tell(self, turn: _Turn) -> None:
        """A metered lock is told of the wait, which it cannot see."""
        note_wait = getattr(self._lock, "note_wait", None)
        if note_wait:
            note_wait(turn.waited_ns, turn.position)


class _Turn:
    """One waiter's place in the queue."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.waited_ns = 0
        self._since_ns = perf_counter_ns()
        self._come = allocate_lock()
        self._come.acquire()

    def wait(self) -> None:
        self._come.acquire()
        self.waited_ns = perf_counter_ns() - self._since_ns

    def come(self) -> None:
        self._come.release()
