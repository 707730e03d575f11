"""Where each client's time goes: on a CPU, waiting for one, for a lock, for a result, or blocked on something else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import get_ident, get_native_id
from time import perf_counter_ns, thread_time_ns
from typing import NamedTuple

from membench.runner import locks, schedstat

HAS_SCHEDSTAT = schedstat.AVAILABLE
_ended_busy_ns: dict[str, int] = {}
"""By thread, as the system knows it. Every thread stores under a key of its own."""


class ClientTime(NamedTuple):
    """How clients spent their time, in nanoseconds, added up over clients. None: this system cannot tell."""

    wall_ns: int
    cpu_ns: int
    runqueue_ns: int | None
    """Ready to run, with no CPU free."""
    lock_ns: int
    result_ns: int
    """In a `Condition`: for a queue, a future, an event."""
    switches: int | None
    """Times a client was given a CPU."""


class ClientClock:
    """The clock of one client over one repeat. The client starts and stops it; others may read it in between."""

    def __init__(self) -> None:
        self.native_id = 0
        """The client's thread as the system knows it, once it has started."""
        self.thread = 0
        """The same as Python knows it."""
        self._begin: _Reading | None = None
        self._total: ClientTime | None = None

    def start(self) -> None:
        """Begin to count; called by the client's own thread."""
        self.native_id, self.thread, self._total = get_native_id(), get_ident(), None
        self._begin = _read(self.thread, self.native_id, thread_time_ns())

    def stop(self) -> None:
        """Count no further; called by the client's own thread."""
        if self._begin:
            self._total = _between(self._begin, _read(self.thread, self.native_id, thread_time_ns()))

    def so_far(self) -> ClientTime | None:
        """What has been counted; None before the start, or while another thread asks and the system cannot tell it."""
        begin, total = self._begin, self._total
        if total or not begin or not HAS_SCHEDSTAT:
            return total
        try:
            return _between(begin, _read(self.thread, self.native_id, begin.cpu_ns))
        except OSError:  # the client has just ended: its total is there, or will be at once
            return self._total


def added(times: list[ClientTime]) -> ClientTime:
    """The time of all clients together."""
    known = HAS_SCHEDSTAT
    return ClientTime(
        wall_ns=sum(time.wall_ns for time in times),
        cpu_ns=sum(time.cpu_ns for time in times),
        runqueue_ns=sum(time.runqueue_ns or 0 for time in times) if known else None,
        lock_ns=sum(time.lock_ns for time in times),
        result_ns=sum(time.result_ns for time in times),
        switches=sum(time.switches or 0 for time in times) if known else None,
    )


def install() -> None:
    """Keep what threads did that end before anybody looks at them."""
    if HAS_SCHEDSTAT:
        threading.Thread.start = _remembered(threading.Thread.start)  # type: ignore[method-assign,assignment]


def busy_ns() -> dict[str, int]:
    """How long each thread of this process has run, or waited in a run queue, in nanoseconds; also those that ended."""
    busy = _ended_busy_ns.copy()
    if HAS_SCHEDSTAT:
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError):  # it has ended since it was listed
                busy[thread] = _thread_busy_ns(thread)
    return busy


def forget_ended() -> None:
    """Begin anew with the threads that end."""
    _ended_busy_ns.clear()


def _remembered(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    """`Thread.start` of a thread that leaves word of how long it was busy."""

    @wraps(start)
    def remembered_start(self: threading.Thread) -> None:
        run = self.run

        def remembered_run() -> None:
            try:
                run()
            finally:
                thread = str(get_native_id())
                _ended_busy_ns[thread] = _thread_busy_ns(thread)

        self.run = remembered_run  # type: ignore[method-assign]
        start(self)

    return remembered_start


def _thread_busy_ns(thread: str) -> int:
    run_ns, queued_ns, _ = schedstat.thread_account(thread)
    return run_ns + queued_ns


class _Reading(NamedTuple):
    at_ns: int
    cpu_ns: int
    runqueue_ns: int | None
    switches: int | None
    lock_ns: int
    result_ns: int


def _read(thread: int, native_id: int, own_cpu_ns: int) -> _Reading:
    lock_ns, result_ns = locks.waited_ns(thread)
    if not HAS_SCHEDSTAT:
        return _Reading(perf_counter_ns(), own_cpu_ns, None, None, lock_ns, result_ns)
    cpu_ns, runqueue_ns, slices = schedstat.thread_account(native_id)
    return _Reading(perf_counter_ns(), cpu_ns, runqueue_ns, slices, lock_ns, result_ns)


def _between(begin: _Reading, end: _Reading) -> ClientTime:
    known = begin.runqueue_ns is not None and end.runqueue_ns is not None
    return ClientTime(
        wall_ns=end.at_ns - begin.at_ns,
        cpu_ns=end.cpu_ns - begin.cpu_ns,
        runqueue_ns=(end.runqueue_ns or 0) - (begin.runqueue_ns or 0) if known else None,
        lock_ns=end.lock_ns - begin.lock_ns,
        result_ns=end.result_ns - begin.result_ns,
        switches=(end.switches or 0) - (begin.switches or 0) if known else None,
    )
