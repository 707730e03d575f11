"""Metered locks: every Python lock made after `install` says how often, how long and by how many it was waited for.

`threading.Lock` and `threading.RLock` are replaced before a backend is imported, so its locks, and those that
`threading.Condition`, `queue.Queue` and `concurrent.futures` make for it, are metered without a change to its code.

A lock's account is written only by the thread that holds the lock, so keeping it needs no other lock. What waits inside
a `Condition` waits for a result, not for a lock: it does so on locks that `_thread` makes directly, which are left
alone, and its time is kept apart.
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
from typing import Any

from membench.runner import schedstat, timers
from membench.runner.sites import Site, site_of


class Usage:
    """What the locks of one site have been used for; times in nanoseconds."""

    __slots__ = ("acquisitions", "contended", "hold_ns", "longest_queue", "longest_wait_ns", "wait_ns")

    def __init__(self) -> None:
        self.acquisitions = 0
        """Completed ones: got and given back."""
        self.contended = 0
        """Acquisitions that had to wait."""
        self.wait_ns = 0
        self.hold_ns = 0
        self.longest_wait_ns = 0
        self.longest_queue = 0
        """Most threads that waited for one lock at the same time."""

    def note_wait(self, waited_ns: int, queue_length: int) -> None:
        """Take in one wait that ended with the lock."""
        self.contended += 1
        self.wait_ns += waited_ns
        self.longest_wait_ns = max(self.longest_wait_ns, waited_ns)
        self.longest_queue = max(self.longest_queue, queue_length)

    def add(self, other: Usage) -> None:
        """Take in what another account says."""
        self.acquisitions += other.acquisitions
        self.contended += other.contended
        self.wait_ns += other.wait_ns
        self.hold_ns += other.hold_ns
        self.longest_wait_ns = max(self.longest_wait_ns, other.longest_wait_ns)
        self.longest_queue = max(self.longest_queue, other.longest_queue)


class _Account(Usage):
    """The usage of one lock."""

    __slots__ = ("owner", "site", "waiting")

    def __init__(self, lock: object, site: Site) -> None:
        super().__init__()
        self.owner = weakref.ref(lock)
        self.site = site
        self.waiting: dict[int, None] = {}
        """The threads that wait now."""


# Shared by all locks. Appending to a deque, and storing under a key that no other thread uses, are atomic.
_accounts: deque[_Account] = deque()
_ended: defaultdict[Site, Usage] = defaultdict(Usage)
_lock_wait_ns: defaultdict[int, int] = defaultdict(int)
_waiting_since_ns: dict[int, int] = {}


class MeteredLock:
    """A `threading.Lock` that keeps an account."""

    __slots__ = ("__weakref__", "_account", "_acquire", "_lock", "_release", "_since_ns")

    def __init__(self) -> None:
        self._lock = lock = bare_lock()
        self._acquire = lock.acquire
        self._release = lock.release
        self._since_ns = 0
        self._account = _open_account(self)

    def __enter__(self) -> bool:
        if not self._acquire(False):
            _wait(self._account, self._acquire, -1)
        self._since_ns = perf_counter_ns()
        return True

    def __exit__(self, *_: object) -> None:
        account = self._account
        account.hold_ns += perf_counter_ns() - self._since_ns
        account.acquisitions += 1
        self._release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As that of a `threading.Lock`."""
        if not _got(self._account, self._acquire, blocking, timeout):
            return False
        self._since_ns = perf_counter_ns()
        return True

    def release(self) -> None:
        """As that of a `threading.Lock`; any thread may call it."""
        if self._lock.locked():
            self._account.hold_ns += perf_counter_ns() - self._since_ns
            self._account.acquisitions += 1
        self._release()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._lock.locked()

    def note_wait(self, waited_ns: int, queue_length: int) -> None:
        """Take in a wait for this lock that its owner arranged itself, as a lock that orders its waiters does.

        Args:
            waited_ns: How long the calling thread, which now holds the lock, has waited.
            queue_length: How many waited, itself among them, when it began.
        """
        _lock_wait_ns[get_ident()] += waited_ns
        self._account.note_wait(waited_ns, queue_length)

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]
        self._account.waiting.clear()

    def __repr__(self) -> str:
        return f"<metered {self._lock!r} made at {self._account.site}>"


class MeteredRLock:
    """A `threading.RLock` that keeps an account, in which only the outermost of nested acquisitions counts."""

    __slots__ = ("__weakref__", "_account", "_acquire", "_depth", "_lock", "_since_ns")

    def __init__(self) -> None:
        self._lock = BareRLock()
        self._acquire = self._lock.acquire
        self._depth = 0
        self._since_ns = 0
        self._account = _open_account(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As that of a `threading.RLock`."""
        if not _got(self._account, self._acquire, blocking, timeout):
            return False
        if not self._depth:
            self._since_ns = perf_counter_ns()
        self._depth += 1
        return True

    __enter__ = acquire

    def release(self) -> None:
        """As that of a `threading.RLock`: only its holder may call it."""
        if self._is_owned():
            self._depth -= 1
            if not self._depth:
                self._account.hold_ns += perf_counter_ns() - self._since_ns
                self._account.acquisitions += 1
        self._lock.release()

    def __exit__(self, *_: object) -> None:
        self.release()

    # What `threading.Condition` asks of a lock that one thread can hold several times over.

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
        self._account.waiting.clear()

    def __repr__(self) -> str:
        return f"<metered {self._lock!r} made at {self._account.site}>"


def install() -> None:
    """Make `threading` give metered locks from now on, and keep the time spent waiting in conditions."""
    threading.Lock = MeteredLock  # type: ignore[assignment]
    threading.RLock = MeteredRLock  # type: ignore[assignment]
    threading.Condition.wait = _timed(threading.Condition.wait)  # type: ignore[method-assign]


def usage() -> Mapping[Site, Usage]:
    """What all metered locks have been used for so far, by the site where they were made. For one thread to call."""
    totals: defaultdict[Site, Usage] = defaultdict(Usage)
    for _ in range(len(_accounts)):
        account = _accounts.popleft()
        if account.owner() is None:
            _ended[account.site].add(account)
        else:
            totals[account.site].add(account)
            _accounts.append(account)
    for site, ended in _ended.items():
        totals[site].add(ended)
    return totals


def forget_longest() -> None:
    """Begin anew with the longest waits and queues, which unlike the other figures have no difference to take."""
    for use in (*_accounts.copy(), *_ended.values()):
        use.longest_wait_ns = use.longest_queue = 0


def waited_ns(thread: int) -> tuple[int, int]:
    """How long a thread has waited for locks, and for results, in nanoseconds; a lock it waits for now included."""
    lock_ns, since_ns = _lock_wait_ns.get(thread, 0), _waiting_since_ns.get(thread)
    return lock_ns + (perf_counter_ns() - since_ns if since_ns else 0), timers.result_wait_ns(thread)


def _got(account: _Account, acquire: Callable[..., bool], blocking: bool, timeout: float) -> bool:
    """Acquire as a caller asked; the wait is timed only when there is one."""
    if not blocking:
        return acquire(False, timeout)
    if timeout != -1 and not 0 <= timeout <= threading.TIMEOUT_MAX:
        return acquire(True, timeout)  # raises what a bare lock raises, also when it is free
    return acquire(False) or _wait(account, acquire, timeout)


def _wait(account: _Account, acquire: Callable[..., bool], timeout: float) -> bool:
    """Wait for a lock that was not free; True when it was got.

    Who is handed the lock still has to wait for a CPU: that is no waiting for the lock, and not counted as such.
    """
    me = get_ident()
    account.waiting[me] = None
    length = len(account.waiting)
    queued_ns = schedstat.queued_ns()
    _waiting_since_ns[me] = begin_ns = perf_counter_ns()
    try:
        got = acquire(True, timeout)
    finally:
        waited = max(perf_counter_ns() - begin_ns - (schedstat.queued_ns() - queued_ns), 0)
        _lock_wait_ns[me] += waited
        _waiting_since_ns.pop(me, None)
        account.waiting.pop(me, None)
    if got:
        account.note_wait(waited, length)
    return got


def _timed(wait: Callable[..., bool]) -> Callable[..., bool]:
    """`Condition.wait`, its time kept as waiting for a result, less what its lock then took to come back."""

    @wraps(wait)
    def timed_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        me, begin_ns = get_ident(), perf_counter_ns()
        before_ns = _lock_wait_ns[me]
        notified = True
        try:
            notified = wait(self, timeout)
        finally:
            waited = perf_counter_ns() - begin_ns - (_lock_wait_ns[me] - before_ns)
            timers.note_result_wait(waited)
        if not notified:
            timers.note(sys._getframe(1), waited)
        return notified

    return timed_wait


def _open_account(lock: object) -> _Account:
    account = _Account(lock, site_of(sys._getframe(2)))
    _accounts.append(account)
    return account


def is_metered(lock: Any) -> bool:
    """Whether a lock keeps an account."""
    return isinstance(lock, MeteredLock | MeteredRLock)
