"""Marks that a system under test leaves on its way, so that a reader sees where a call's time goes.

Nobody listens unless the instrument asks to: a mark then costs a look at a variable, and about 0.1 µs otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

Listener = Callable[[str, int], None]
"""Gets a name and a value; called from any thread."""

now_ns = perf_counter_ns

_stage_listener: Listener | None = None
_gauge_listener: Listener | None = None


def listen(stages: Listener | None, gauges: Listener | None) -> None:
    """Have every stage's nanoseconds, and every gauge's value, told to these from now on; None stops it."""
    global _stage_listener, _gauge_listener
    _stage_listener, _gauge_listener = stages, gauges


def mark(stage: str, begin_ns: int) -> int:
    """Say that a stage which began at `begin_ns` ends now.

    Returns:
        The clock, so that the next stage can begin with it.
    """
    end_ns = perf_counter_ns()
    if _stage_listener is not None:
        _stage_listener(stage, end_ns - begin_ns)
    return end_ns


def gauge(name: str, value: int) -> None:
    """Say how much there is of something at this moment: requests that wait, texts in a batch."""
    if _gauge_listener is not None:
        _gauge_listener(name, value)
