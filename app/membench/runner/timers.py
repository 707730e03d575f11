"""Metered sleep: how often, how long and where each thread sleeps.

A call of `time.sleep` is a sleep, and so is a wait in a condition or a queue that times out. The module also records
how long each thread waits for results, whether or not the result arrives; the end of a thread is a result.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import defaultdict
from functools import wraps
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Any, NamedTuple

from membench.runner.sites import Site, site_of


class SleepTotal(NamedTuple):
    """The sleep of one thread at one site."""

    sleeps: int
    slept_ns: int


# Each thread writes only under its own keys, so the tables need no lock.
_sleep_totals: dict[tuple[Site, int], SleepTotal] = {}
_result_wait_ns: defaultdict[int, int] = defaultdict(int)
_slept_ns: defaultdict[int, int] = defaultdict(int)


def install() -> None:
    """Meter every later sleep, and every queue created from now on."""
    time.sleep = _timed_sleep  # type: ignore[assignment]
    queue.SimpleQueue = _TimedQueue  # type: ignore[misc]
    threading.Thread.join = _timed_join  # type: ignore[method-assign]


def record_sleep(frame: FrameType, slept_ns: int) -> None:
    """Record that the calling thread slept at the site of `frame`."""
    key = site_of(frame), get_ident()
    sleeps, total_ns = _sleep_totals.get(key, (0, 0))
    _sleep_totals[key] = SleepTotal(sleeps + 1, total_ns + slept_ns)


def record_result_wait(waited_ns: int) -> None:
    """Record that the calling thread waited for a result."""
    _result_wait_ns[get_ident()] += waited_ns


def result_wait_ns(thread: int) -> int:
    """Return how long a thread, given by its Python identifier, has waited for results."""
    return _result_wait_ns.get(thread, 0)


def slept_ns(thread: int) -> int:
    """Return how long a thread, given by its Python identifier, has asked to sleep and has slept.

    A thread that wakes late has waited for a core or for the interpreter's lock, which is no sleep.
    """
    return _slept_ns.get(thread, 0)


def sleep_totals() -> dict[tuple[Site, int], SleepTotal]:
    """Return the sleep recorded so far, by site and by the thread's Python identifier."""
    return _sleep_totals.copy()


_bare_sleep = time.sleep


def _timed_sleep(seconds: float, /) -> None:
    begin_ns = perf_counter_ns()
    _bare_sleep(seconds)
    elapsed_ns = perf_counter_ns() - begin_ns
    _slept_ns[get_ident()] += min(elapsed_ns, round(seconds * 1e9))
    record_sleep(sys._getframe(1), elapsed_ns)


_bare_join = threading.Thread.join


@wraps(_bare_join)
def _timed_join(self: threading.Thread, timeout: float | None = None) -> None:
    begin_ns = perf_counter_ns()
    try:
        _bare_join(self, timeout)
    finally:
        record_result_wait(perf_counter_ns() - begin_ns)


class _TimedQueue(queue.SimpleQueue[Any]):
    """A `queue.SimpleQueue` that records blocking calls of `get` as waits for a result, and timeouts also as sleeps."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block:
            return super().get(block, timeout)
        begin_ns = perf_counter_ns()
        try:
            return super().get(block, timeout)
        except queue.Empty:
            record_sleep(sys._getframe(1), perf_counter_ns() - begin_ns)
            raise
        finally:
            record_result_wait(perf_counter_ns() - begin_ns)
