"""Metered locks, which record how often, for how long and by how many threads they are waited for.

`install` replaces `threading.Lock` and `threading.RLock`, and meters semaphores. It runs before a backend is imported,
so the backend's own locks, and those that `threading.Condition`, `queue.Queue` and `concurrent.futures` create for it,
are metered without a change to its code.

A thread in `Condition.wait` waits for a result, not for a lock: it blocks on a lock that `_thread` creates directly.
Those locks are not metered, and `timers` records the time.
"""

from __future__ import annotations

import sys
import threading
from _thread import RLock as BareRLock
from _thread import allocate_lock as bare_lock
from collections.abc import Callable
from functools import wraps
from threading import get_ident
from time import perf_counter_ns

from membench.runner import semaphores, timers
from membench.runner.lock_usage import (
    LockUsage,
    add_wait_ns,
    clients,
    is_waiting,
    lock_wait_ns,
    new_usage,
    read_sample,
    record_acquisition,
    wait,
)
from membench.runner.sites import site_of
from membench.runner.usage import LockKey


class MeteredLock:
    """A `threading.Lock` that records its usage."""

    __slots__ = ("__weakref__", "_acquire", "_lock", "_release", "_usage")

    def __init__(self) -> None:
        self._lock = lock = bare_lock()
        self._acquire = lock.acquire
        self._release = lock.release
        self._usage = _new_usage(self)

    def __enter__(self) -> bool:
        usage = self._usage
        if not self._acquire(False):
            record_acquisition(usage, wait(usage, self._acquire, -1))
        elif usage.waiters:
            usage.record_overtaking(perf_counter_ns())
        if usage.acquisitions >= usage.sample_at:
            usage.sample = read_sample()
        usage.acquired_ns = perf_counter_ns()
        return True

    def __exit__(self, *_: object) -> None:
        usage = self._usage  # `LockUsage.end_hold`, without the call
        usage.released_ns = now_ns = perf_counter_ns()
        hold_ns = now_ns - usage.acquired_ns
        usage.hold_ns += hold_ns
        usage.acquisitions += 1
        if usage.sample is not None:
            usage.end_sample(hold_ns)
        self._release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, as `threading.Lock.acquire` does."""
        if not _acquire(self._usage, self._acquire, blocking, timeout):
            return False
        _begin_hold(self._usage)
        return True

    def release(self) -> None:
        """Release the lock, as `threading.Lock.release` does; any thread may call it."""
        if self._lock.locked():
            self._usage.end_hold()
        self._release()

    def locked(self) -> bool:
        """Return whether a thread holds the lock."""
        return self._lock.locked()

    def record_wait(self, waited_ns: int, queue_length: int) -> None:
        """Record a wait that the lock cannot see, because its owner queues the waiting threads itself.

        The calling thread must hold the lock.

        Args:
            waited_ns: How long the calling thread has waited.
            queue_length: How many threads waited when it began to, including itself.
        """
        me, usage = get_ident(), self._usage
        add_wait_ns(me, waited_ns)
        usage.waits_of(me in clients).record(waited_ns, queue_length)
        usage.record_handover(usage.acquired_ns - waited_ns, usage.acquired_ns, 0)

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]
        self._usage.waiters.clear()

    def __repr__(self) -> str:
        return f"<metered {self._lock!r} created at {self._usage.key.site}>"


class MeteredRLock:
    """A `threading.RLock` that records its usage. Of nested acquisitions, only the outermost counts."""

    __slots__ = ("__weakref__", "_acquire", "_depth", "_is_owned", "_lock", "_release", "_usage")

    def __init__(self) -> None:
        self._lock = lock = BareRLock()
        self._acquire = lock.acquire
        self._release = lock.release
        self._is_owned: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]
        self._depth = 0
        self._usage = _new_usage(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, as `threading.RLock.acquire` does."""
        if not _acquire(self._usage, self._acquire, blocking, timeout):
            return False
        if not self._depth:
            _begin_hold(self._usage)
        self._depth += 1
        return True

    def __enter__(self) -> bool:
        usage = self._usage
        if not self._acquire(False):
            record_acquisition(usage, wait(usage, self._acquire, -1))
        elif usage.waiters and not self._depth:
            usage.record_overtaking(perf_counter_ns())
        if not self._depth:
            if usage.acquisitions >= usage.sample_at:
                usage.sample = read_sample()
            usage.acquired_ns = perf_counter_ns()
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock, as `threading.RLock.release` does; only its owner may call it."""
        if self._is_owned():
            self._depth -= 1
            if not self._depth:
                self._usage.end_hold()
        self._release()

    def __exit__(self, *_: object) -> None:
        if self._depth == 1 and self._is_owned():
            self._depth = 0
            usage = self._usage  # `LockUsage.end_hold`, without the call
            usage.released_ns = now_ns = perf_counter_ns()
            hold_ns = now_ns - usage.acquired_ns
            usage.hold_ns += hold_ns
            usage.acquisitions += 1
            if usage.sample is not None:
                usage.end_sample(hold_ns)
            self._release()
        else:
            self.release()

    # The methods that `threading.Condition` needs from a reentrant lock, with `_is_owned`.

    def _release_save(self) -> int:
        depth = self._depth
        for _ in range(depth):
            self.release()
        return depth

    def _acquire_restore(self, depth: int) -> None:
        for _ in range(depth):
            self.acquire()

    def _recursion_count(self) -> int:
        return self._depth if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]
        self._depth = 0
        self._usage.waiters.clear()

    def __repr__(self) -> str:
        return f"<metered {self._lock!r} created at {self._usage.key.site}>"


def install() -> None:
    """Make `threading` create metered locks from now on, meter semaphores, and time `Condition.wait`."""
    threading.Lock = MeteredLock  # type: ignore[assignment]
    threading.RLock = MeteredRLock  # type: ignore[assignment]
    threading.Condition.wait = _timed(threading.Condition.wait)  # type: ignore[method-assign]
    semaphores.install()


def _acquire(usage: LockUsage, acquire: Callable[..., bool], blocking: bool, timeout: float) -> bool:
    """Acquire a lock with the caller's arguments. An acquisition that need not wait is not timed."""
    if not blocking:
        return acquire(False, timeout)
    if timeout != -1 and not 0 <= timeout <= threading.TIMEOUT_MAX:
        return acquire(True, timeout)  # a bare lock raises, even if it is free
    if acquire(False):
        if usage.waiters and usage.acquired_ns <= usage.released_ns:  # not a nested acquisition
            usage.record_overtaking(perf_counter_ns())
        return True
    ended = wait(usage, acquire, timeout)
    if ended.acquired:
        record_acquisition(usage, ended)
    return ended.acquired


def _begin_hold(usage: LockUsage) -> None:
    if usage.acquisitions >= usage.sample_at:
        usage.sample = read_sample()
    usage.acquired_ns = perf_counter_ns()


def _timed(wait: Callable[..., bool]) -> Callable[..., bool]:
    """Wrap `Condition.wait` to record its time as a wait for a result, less the time to reacquire the lock."""

    @wraps(wait)
    def timed_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        me = get_ident()
        if is_waiting(me):  # for a semaphore, which counts the wait
            return wait(self, timeout)
        begin_ns = perf_counter_ns()
        lock_wait_before_ns = lock_wait_ns(me)
        notified = True
        try:
            notified = wait(self, timeout)
        finally:
            waited_ns = perf_counter_ns() - begin_ns - (lock_wait_ns(me) - lock_wait_before_ns)
            timers.record_result_wait(waited_ns)
        if not notified:
            timers.record_sleep(sys._getframe(1), waited_ns)
        return notified

    return timed_wait


def _new_usage(lock: object) -> LockUsage:
    """Return a usage for a lock under construction; the caller of its constructor is its site."""
    return new_usage(LockUsage(lock, LockKey(site_of(sys._getframe(2)), "lock")))
