"""Metered sleeping: who slept, where, and how long: `time.sleep`, and waits in conditions and queues that ran out.

The time that threads wait for a result is kept here too, whether or not the result comes.
"""

from __future__ import annotations

import queue
import sys
import time
from collections import defaultdict
from threading import get_ident
from time import perf_counter_ns
from types import FrameType
from typing import Any

from membench.runner.sites import Site, site_of

# By place and thread: no two threads write under the same key, so no lock is needed.
_slept: dict[tuple[Site, int], tuple[int, int]] = {}
_result_wait_ns: defaultdict[int, int] = defaultdict(int)


def install() -> None:
    """Meter sleeping from now on."""
    time.sleep = _timed_sleep  # type: ignore[assignment]
    queue.SimpleQueue = _TimedQueue  # type: ignore[misc]


def note(frame: FrameType, slept_ns: int) -> None:
    """Say that the calling thread slept, and where."""
    key = site_of(frame), get_ident()
    sleeps, total_ns = _slept.get(key, (0, 0))
    _slept[key] = sleeps + 1, total_ns + slept_ns


def note_result_wait(waited_ns: int) -> None:
    """Say that the calling thread waited for a result."""
    _result_wait_ns[get_ident()] += waited_ns


def result_wait_ns(thread: int) -> int:
    """How long a thread has waited for results, in nanoseconds."""
    return _result_wait_ns.get(thread, 0)


def slept() -> dict[tuple[Site, int], tuple[int, int]]:
    """Sleeps and nanoseconds slept so far, by place and thread."""
    return _slept.copy()


_bare_sleep = time.sleep


def _timed_sleep(seconds: float, /) -> None:
    begin_ns = perf_counter_ns()
    _bare_sleep(seconds)
    note(sys._getframe(1), perf_counter_ns() - begin_ns)


class _TimedQueue(queue.SimpleQueue[Any]):
    """A `queue.SimpleQueue` whose waits are for a result; those that run out are sleeps."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block:
            return super().get(block, timeout)
        begin_ns = perf_counter_ns()
        try:
            return super().get(block, timeout)
        except queue.Empty:
            note(sys._getframe(1), perf_counter_ns() - begin_ns)
            raise
        finally:
            note_result_wait(perf_counter_ns() - begin_ns)
