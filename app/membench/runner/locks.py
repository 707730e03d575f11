"""Metered locks, which record how often, for how long and by how many threads they are waited for.

`install` replaces `threading.Lock` and `threading.RLock`. It runs before a backend is imported, so the backend's own
locks, and those that `threading.Condition`, `queue.Queue` and `concurrent.futures` create for it, are metered without
a change to its code.

Only the thread that holds a lock writes to the lock's usage, so recording needs no further lock. A thread in
`Condition.wait` waits for a result, not for a lock: it blocks on a lock that `_thread` creates directly. Those locks
are not metered, and `timers` records the time.
"""

from __future__ import annotations

import sys
import threading
import weakref
from _thread import RLock as BareRLock
from _thread import allocate_lock as bare_lock
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from functools import wraps
from threading import get_ident
from time import perf_counter_ns

from membench.runner import schedstat, timers
from membench.runner.sites import Site, site_of


class Usage:
    """The usage of one lock, or of all locks created at one site. Times are in nanoseconds."""

    __slots__ = ("acquisitions", "contended", "hold_ns", "longest_queue", "longest_wait_ns", "wait_ns")

    def __init__(self) -> None:
        self.acquisitions = 0
        """Completed acquisitions: the lock was released again."""
        self.contended = 0
        """Acquisitions that had to wait."""
        self.wait_ns = 0
        self.hold_ns = 0
        self.longest_wait_ns = 0
        self.longest_queue = 0
        """Most threads that waited for one lock at the same time."""

    def record_wait(self, waited_ns: int, queue_length: int) -> None:
        """Record a wait that ended with an acquisition."""
        self.contended += 1
        self.wait_ns += waited_ns
        self.longest_wait_ns = max(self.longest_wait_ns, waited_ns)
        self.longest_queue = max(self.longest_queue, queue_length)

    def add(self, other: Usage) -> None:
        """Add the usage of other locks to this one."""
        self.acquisitions += other.acquisitions
        self.contended += other.contended
        self.wait_ns += other.wait_ns
        self.hold_ns += other.hold_ns
        self.longest_wait_ns = max(self.longest_wait_ns, other.longest_wait_ns)
        self.longest_queue = max(self.longest_queue, other.longest_queue)


class _LockUsage(Usage):
    """The usage of one lock. It outlives the lock until `usage_by_site` adds it to the site's total."""

    __slots__ = ("lock", "site", "waiters")

    def __init__(self, lock: object, site: Site) -> None:
        super().__init__()
        self.lock = weakref.ref(lock)
        self.site = site
        self.waiters: dict[int, None] = {}
        """The threads that wait now. Adding or removing a key is atomic."""


# Shared by all locks. Appending to a deque, and storing under a key that no other thread uses, are atomic.
_lock_usages: deque[_LockUsage] = deque()
_collected_usage: defaultdict[Site, Usage] = defaultdict(Usage)
"""The usage of locks that have been garbage-collected."""
_wait_ns: defaultdict[int, int] = defaultdict(int)
_waiting_since_ns: dict[int, int] = {}


class MeteredLock:
    """A `threading.Lock` that records its usage."""

    __slots__ = ("__weakref__", "_acquire", "_acquired_ns", "_lock", "_release", "_usage")

    def __init__(self) -> None:
        self._lock = lock = bare_lock()
        self._acquire = lock.acquire
        self._release = lock.release
        self._acquired_ns = 0
        self._usage = _new_usage(self)

    def __enter__(self) -> bool:
        if not self._acquire(False):
            _wait(self._usage, self._acquire, -1)
        self._acquired_ns = perf_counter_ns()
        return True

    def __exit__(self, *_: object) -> None:
        usage = self._usage
        usage.hold_ns += perf_counter_ns() - self._acquired_ns
        usage.acquisitions += 1
        self._release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, as `threading.Lock.acquire` does."""
        if not _acquire(self._usage, self._acquire, blocking, timeout):
            return False
        self._acquired_ns = perf_counter_ns()
        return True

    def release(self) -> None:
        """Release the lock, as `threading.Lock.release` does; any thread may call it."""
        if self._lock.locked():
            self._usage.hold_ns += perf_counter_ns() - self._acquired_ns
            self._usage.acquisitions += 1
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
        _wait_ns[get_ident()] += waited_ns
        self._usage.record_wait(waited_ns, queue_length)

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]
        self._usage.waiters.clear()

    def __repr__(self) -> str:
        return f"<metered {self._lock!r} created at {self._usage.site}>"


class MeteredRLock:
    """A `threading.RLock` that records its usage. Of nested acquisitions, only the outermost counts."""

    __slots__ = ("__weakref__", "_acquire", "_acquired_ns", "_depth", "_lock", "_usage")

    def __init__(self) -> None:
        self._lock = BareRLock()
        self._acquire = self._lock.acquire
        self._depth = 0
        self._acquired_ns = 0
        self._usage = _new_usage(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, as `threading.RLock.acquire` does."""
        if not _acquire(self._usage, self._acquire, blocking, timeout):
            return False
        if not self._depth:
            self._acquired_ns = perf_counter_ns()
        self._depth += 1
        return True

    __enter__ = acquire

    def release(self) -> None:
        """Release the lock, as `threading.RLock.release` does; only its owner may call it."""
        if self._is_owned():
            self._depth -= 1
            if not self._depth:
                self._usage.hold_ns += perf_counter_ns() - self._acquired_ns
                self._usage.acquisitions += 1
        self._lock.release()

    def __exit__(self, *_: object) -> None:
        self.release()

    # The methods that `threading.Condition` needs from a reentrant lock.

    def _is_owned(self) -> bool:
        owned: bool = self._lock._is_owned()  # type: ignore[attr-defined]
        return owned

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
        return f"<metered {self._lock!r} created at {self._usage.site}>"


def install() -> None:
    """Make `threading` create metered locks from now on, and record the time spent in `Condition.wait`."""
    threading.Lock = MeteredLock  # type: ignore[assignment]
    threading.RLock = MeteredRLock  # type: ignore[assignment]
    threading.Condition.wait = _timed(threading.Condition.wait)  # type: ignore[method-assign]


def usage_by_site() -> Mapping[Site, Usage]:
    """Return the usage of all metered locks so far, by the site that created them; includes waits in progress.

    Only one thread may call this.
    """
    totals: defaultdict[Site, Usage] = defaultdict(Usage)
    for _ in range(len(_lock_usages)):
        lock_usage = _lock_usages.popleft()
        if lock_usage.lock() is None:
            _collected_usage[lock_usage.site].add(lock_usage)
        else:
            totals[lock_usage.site].add(lock_usage)
            totals[lock_usage.site].wait_ns += _wait_in_progress_ns(lock_usage)
            _lock_usages.append(lock_usage)
    for site, collected in _collected_usage.items():
        totals[site].add(collected)
    return totals


def _wait_in_progress_ns(usage: _LockUsage) -> int:
    """Return how long the threads that wait for a lock now have been waiting, together."""
    now_ns = perf_counter_ns()
    started_ns = (_waiting_since_ns.get(thread) for thread in list(usage.waiters))
    return sum(now_ns - since_ns for since_ns in started_ns if since_ns)


def reset_longest() -> None:
    """Set the longest waits and queues to 0. Unlike the totals, a maximum cannot be computed as a difference."""
    for each in (*_lock_usages.copy(), *_collected_usage.values()):
        each.longest_wait_ns = each.longest_queue = 0


def lock_wait_ns(thread: int) -> int:
    """Return how long a thread, given by its Python identifier, has waited for locks; includes a wait in progress."""
    total_ns, since_ns = _wait_ns.get(thread, 0), _waiting_since_ns.get(thread)
    return total_ns + (perf_counter_ns() - since_ns if since_ns else 0)


def _acquire(usage: _LockUsage, acquire: Callable[..., bool], blocking: bool, timeout: float) -> bool:
    """Acquire a lock with the caller's arguments. An acquisition that need not wait is not timed."""
    if not blocking:
        return acquire(False, timeout)
    if timeout != -1 and not 0 <= timeout <= threading.TIMEOUT_MAX:
        return acquire(True, timeout)  # a bare lock raises, even if it is free
    return acquire(False) or _wait(usage, acquire, timeout)


def _wait(usage: _LockUsage, acquire: Callable[..., bool], timeout: float) -> bool:
    """Wait for a lock that is not free, and return whether it was acquired.

    A thread that has been given the lock may still have to wait for a core. That time is not part of the wait.
    """
    me = get_ident()
    usage.waiters[me] = None
    queue_length = len(usage.waiters)
    queued_ns = schedstat.queued_ns()
    _waiting_since_ns[me] = begin_ns = perf_counter_ns()
    try:
        acquired = acquire(True, timeout)
    finally:
        waited_ns = max(perf_counter_ns() - begin_ns - (schedstat.queued_ns() - queued_ns), 0)
        _wait_ns[me] += waited_ns
        _waiting_since_ns.pop(me, None)
        usage.waiters.pop(me, None)
    if acquired:
        usage.record_wait(waited_ns, queue_length)
    return acquired


def _timed(wait: Callable[..., bool]) -> Callable[..., bool]:
    """Wrap `Condition.wait` to record its time as a wait for a result, less the time to reacquire the lock."""

    @wraps(wait)
    def timed_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        me, begin_ns = get_ident(), perf_counter_ns()
        lock_wait_before_ns = _wait_ns[me]
        notified = True
        try:
            notified = wait(self, timeout)
        finally:
            waited_ns = perf_counter_ns() - begin_ns - (_wait_ns[me] - lock_wait_before_ns)
            timers.record_result_wait(waited_ns)
        if not notified:
            timers.record_sleep(sys._getframe(1), waited_ns)
        return notified

    return timed_wait


def _new_usage(lock: object) -> _LockUsage:
    """Return a usage for a lock under construction; the caller of its constructor is its site."""
    lock_usage = _LockUsage(lock, site_of(sys._getframe(2)))
    _lock_usages.append(lock_usage)
    return lock_usage
