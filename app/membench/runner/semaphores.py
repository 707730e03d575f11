"""Metered semaphores: `threading.Semaphore` and `threading.BoundedSemaphore` record their usage.

A semaphore that starts with permits admits so many threads at a time, as a lock admits one: a thread that finds none
left waits for the semaphore. One that starts with none is a signal, and waiting for it is waiting for a result.

The class keeps its identity, because code that ran before `install` may have imported it.
"""

from __future__ import annotations

import sys
import threading
from _thread import allocate_lock as bare_lock
from collections.abc import Callable
from functools import partial, wraps
from threading import get_ident
from time import perf_counter_ns
from typing import Any

from membench.runner.lock_usage import LockUsage, Wait, new_usage, read_sample, record_acquisition, wait
from membench.runner.sites import site_of
from membench.runner.usage import LockKey

_USAGE = "_membench_usage"
_bare_init = threading.Semaphore.__init__
_bare_acquire = threading.Semaphore.acquire


class SemaphoreUsage(LockUsage):
    """The usage of one semaphore. Several threads hold permits at the same time, so writing needs a lock."""

    __slots__ = ("changed_ns", "guard", "in_use")

    def __init__(self, owner: object, key: LockKey, permits: int = 1) -> None:
        super().__init__(owner, key, permits)
        self.guard = bare_lock()
        self.in_use = 0
        """Permits taken and not yet returned."""
        self.changed_ns = 0
        """When `in_use` last changed."""

    def begin_hold(self, ended: Wait | None) -> None:
        """Record that the calling thread has taken a permit, after a wait or without one."""
        me = get_ident()
        is_sampled = self.acquisitions >= self.sample_at and (self.sample is None or self.sample[0] == me)
        sample = read_sample() if is_sampled else None
        with self.guard:
            now_ns = self._change(1)
            if ended:
                record_acquisition(self, ended)
            elif self.waiters:
                self.record_overtaking(now_ns)
            if sample:
                self.sample, self.acquired_ns = sample, now_ns

    def end_holds(self, permits: int) -> None:
        """Record that the calling thread is about to return permits."""
        with self.guard:
            self.released_ns = now_ns = self._change(-permits)
            self.acquisitions += permits
            if self.sample is not None and self.sample[0] == get_ident():
                self.end_sample(now_ns - self.acquired_ns)

    def hold_in_progress_ns(self) -> int:
        """Return how long the permits in use have been held since the last change, together."""
        return self.in_use * (perf_counter_ns() - self.changed_ns)

    def _change(self, permits: int) -> int:
        now_ns = perf_counter_ns()
        self.hold_ns += self.in_use * (now_ns - self.changed_ns)
        self.in_use = max(self.in_use + permits, 0)
        self.changed_ns = now_ns
        return now_ns


def install() -> None:
    """Meter every semaphore created from now on."""
    semaphore: Any = threading.Semaphore
    bounded: Any = threading.BoundedSemaphore
    semaphore.__init__ = _init
    semaphore.acquire = semaphore.__enter__ = _acquire
    semaphore.release = _metered(semaphore.release)
    bounded.release = _metered(bounded.release)


@wraps(_bare_init)
def _init(self: Any, value: int = 1) -> None:
    if not value > 0:
        _bare_init(self, value)
        return
    self._cond = threading.Condition(bare_lock())  # a metered lock would be counted beside the semaphore
    self._value = value
    key = LockKey(site_of(sys._getframe(1)), "semaphore")
    setattr(self, _USAGE, new_usage(SemaphoreUsage(self, key, value)))


@wraps(_bare_acquire)
def _acquire(self: Any, blocking: bool = True, timeout: float | None = None) -> bool:
    usage: SemaphoreUsage | None = getattr(self, _USAGE, None)
    if usage is None:
        return _bare_acquire(self, blocking, timeout)
    ended = None
    if blocking and not _bare_acquire(self, False):
        ended = wait(usage, partial(_bare_acquire, self), timeout)
    if (ended and not ended.acquired) or (not blocking and not _bare_acquire(self, False, timeout)):
        return False
    usage.begin_hold(ended)
    return True


def _metered(release: Callable[..., None]) -> Callable[..., None]:
    @wraps(release)
    def metered_release(self: Any, n: int = 1) -> None:
        usage: SemaphoreUsage | None = getattr(self, _USAGE, None)
        if usage is not None and n >= 1:
            usage.end_holds(n)
        release(self, n)

    return metered_release
