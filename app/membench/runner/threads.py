"""How clients spend their time: on a core, waiting for a core, a lock or a result, or blocked on something else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import get_ident, get_native_id
from time import perf_counter_ns, thread_time_ns
from typing import NamedTuple

from membench.runner import lock_usage, schedstat, timers

HAS_SCHEDSTAT = schedstat.AVAILABLE
_ended_busy_ns: dict[str, int] = {}
"""Busy time of threads that have ended, by native identifier. Each thread stores only under its own key."""


class ClientTime(NamedTuple):
    """The time of one client, or of several together, in nanoseconds. None is unknown on this system."""

    wall_ns: int
    cpu_ns: int
    runqueue_ns: int | None
    """Ready to run, with no core free."""
    lock_ns: int
    result_ns: int
    """Waiting for a queue, a future or an event."""
    slept_ns: int
    switches: int | None
    """Times that a client was given a core."""


class ClientClock:
    """The clock of one client. The client's thread starts and stops it; any thread may read it."""

    def __init__(self) -> None:
        self.native_id = 0
        """The operating system's identifier of the client's thread, after `start`."""
        self.thread = 0
        """Python's identifier of the client's thread, after `start`."""
        self._begin: _Reading | None = None
        self._total: ClientTime | None = None

    def start(self) -> None:
        """Start the clock at zero; called by the client's own thread."""
        self.native_id, self.thread, self._total = get_native_id(), get_ident(), None
        lock_usage.clients.add(self.thread)
        self._begin = _read(self.thread, self.native_id, thread_time_ns())

    def stop(self) -> None:
        """Stop the clock; called by the client's own thread."""
        lock_usage.clients.discard(self.thread)
        if self._begin:
            self._total = _difference(self._begin, _read(self.thread, self.native_id, thread_time_ns()))

    def read(self) -> ClientTime | None:
        """Return the time since the start; None before it, and while the clock runs if the system cannot read it."""
        begin, total = self._begin, self._total
        if total or not begin or not HAS_SCHEDSTAT:
            return total
        try:
            return _difference(begin, _read(self.thread, self.native_id, begin.cpu_ns))
        except OSError:  # the client's thread has just ended
            return self._total


def total_time(times: list[ClientTime]) -> ClientTime:
    """Return the time of several clients together."""
    known = HAS_SCHEDSTAT
    return ClientTime(
        wall_ns=sum(time.wall_ns for time in times),
        cpu_ns=sum(time.cpu_ns for time in times),
        runqueue_ns=sum(time.runqueue_ns or 0 for time in times) if known else None,
        lock_ns=sum(time.lock_ns for time in times),
        result_ns=sum(time.result_ns for time in times),
        slept_ns=sum(time.slept_ns for time in times),
        switches=sum(time.switches or 0 for time in times) if known else None,
    )


def install() -> None:
    """Make every thread started from now on record its busy time when it ends."""
    if HAS_SCHEDSTAT:
        threading.Thread.start = _recording_busy_time(threading.Thread.start)  # type: ignore[method-assign,assignment]


def busy_ns_by_thread() -> dict[str, int]:
    """Return how long each thread of this process, running or ended, has been on a core or waiting for one.

    Keys are native identifiers. The result is empty where the system does not report it.
    """
    busy = _ended_busy_ns.copy()
    if HAS_SCHEDSTAT:
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError):  # it has ended since it was listed
                busy[thread] = _thread_busy_ns(thread)
    return busy


def clear_ended() -> None:
    """Discard the busy time of threads that have ended."""
    _ended_busy_ns.clear()


def _recording_busy_time(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    """Wrap `Thread.start` so that the thread records its busy time when it ends."""

    @wraps(start)
    def start_recording(self: threading.Thread) -> None:
        run = self.run

        def run_and_record() -> None:
            try:
                run()
            finally:
                thread = str(get_native_id())
                _ended_busy_ns[thread] = _thread_busy_ns(thread)

        self.run = run_and_record  # type: ignore[method-assign]
        start(self)

    return start_recording


def _thread_busy_ns(thread: str) -> int:
    times = schedstat.thread_times(thread)
    return times.run_ns + times.queued_ns


class _Reading(NamedTuple):
    at_ns: int
    cpu_ns: int
    runqueue_ns: int | None
    switches: int | None
    lock_ns: int
    result_ns: int
    slept_ns: int


def _read(thread: int, native_id: int, own_cpu_ns: int) -> _Reading:
    """Read a thread's totals.

    Args:
        thread: Python's identifier of the thread.
        native_id: The operating system's identifier of the thread.
        own_cpu_ns: The thread's CPU time, used where the system does not report it.
    """
    waits = lock_usage.lock_wait_ns(thread), timers.result_wait_ns(thread), timers.slept_ns(thread)
    if not HAS_SCHEDSTAT:
        return _Reading(perf_counter_ns(), own_cpu_ns, None, None, *waits)
    times = schedstat.thread_times(native_id)
    return _Reading(perf_counter_ns(), times.run_ns, times.queued_ns, times.slices, *waits)


def _difference(begin: _Reading, end: _Reading) -> ClientTime:
    known = begin.runqueue_ns is not None and end.runqueue_ns is not None
    return ClientTime(
        wall_ns=end.at_ns - begin.at_ns,
        cpu_ns=end.cpu_ns - begin.cpu_ns,
        runqueue_ns=(end.runqueue_ns or 0) - (begin.runqueue_ns or 0) if known else None,
        lock_ns=end.lock_ns - begin.lock_ns,
        result_ns=end.result_ns - begin.result_ns,
        slept_ns=end.slept_ns - begin.slept_ns,
        switches=(end.switches or 0) - (begin.switches or 0) if known else None,
    )
