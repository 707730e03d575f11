"""A first-come, first-served lock: no thread starves, but every contended release costs a thread switch."""

from __future__ import annotations

import threading
from _thread import allocate_lock
from collections import deque
from time import perf_counter_ns


class FairLock:
    """A lock that goes to the longest-waiting thread; a free `threading.Lock` goes to whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guard = allocate_lock()
        self._waiters: deque[_Waiter] = deque()
        self._taken = False

    def __enter__(self) -> None:
        waiter = None
        with self._guard:
            if self._taken:
                waiter = _Waiter(len(self._waiters) + 1)
                self._waiters.append(waiter)
            self._taken = True
        if waiter:
            waiter.wait()
        self._lock.acquire()
        if waiter:
            self._report_wait(waiter)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        with self._guard:
            if self._waiters:
                self._waiters.popleft().wake()
            else:
                self._taken = False

    def _report_wait(self, waiter: _Waiter) -> None:
        """Report the wait to a metered lock, which cannot see it because the lock is free when it is acquired."""
        record_wait = getattr(self._lock, "record_wait", None)
        if record_wait:
            record_wait(waiter.waited_ns, waiter.position)


class _Waiter:
    """A thread in the queue."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.waited_ns = 0
        self._since_ns = perf_counter_ns()
        self._wake = allocate_lock()
        self._wake.acquire()

    def wait(self) -> None:
        self._wake.acquire()
        self.waited_ns = perf_counter_ns() - self._since_ns

    def wake(self) -> None:
        self._wake.release()
