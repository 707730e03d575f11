"""When a run counts as stuck, and what is said of it."""

from __future__ import annotations

import pytest

from membench.messages.run import Auditing, Loading, RepeatEnded, Started, WarmingUp
from membench.session import watchdog
from membench.session.watchdog import LOADING_TIMEOUT_S, Watchdog

TIMEOUT_S = 10.0
STARTED = Started(weights=None, threads=None, dimensions=8, environment={})


@pytest.fixture
def clock(monkeypatch):
    """Return a function that lets time pass."""
    now = 1000.0
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now)

    def wait(seconds):
        nonlocal now
        now += seconds

    return wait


@pytest.fixture
def stuck(clock, tick):
    """Return a function that feeds messages, each after some seconds, and returns whether the run counts as stuck."""

    def feed(*steps):
        dog = Watchdog(TIMEOUT_S)
        for seconds, message in steps:
            clock(seconds)
            dog.see(message)
        clock(1.0)
        return dog

    return feed


def test_operations_that_return_are_progress(stuck, tick):
    assert stuck((1, STARTED), (9, tick()), (9, tick()), (9, tick())).remaining_s() == TIMEOUT_S - 1


def test_operations_that_fail_are_progress(stuck, tick):
    failed = tick(operations=0, latency_ns=(), latency_counts=(), errors={"ValueError": 1})

    assert stuck((1, STARTED), (9, failed), (9, failed)).remaining_s() == TIMEOUT_S - 1


def test_ticks_without_operations_are_none(stuck, tick):
    idle = tick(operations=0, latency_ns=(), latency_counts=())
    dog = stuck((1, STARTED), (1, tick()), (5, idle), (4, idle))

    assert dog.remaining_s() == 0
    assert dog.error() == "no operation returned for 10 s while measuring; see --timeout"


def test_a_runner_that_does_not_report_is_held_up_by_native_code(stuck, tick, clock):
    dog = stuck((1, STARTED), (1, tick()), (1, tick(operations=0)))
    clock(8)

    assert dog.remaining_s() == 0
    assert dog.error() == "native code held Python's lock, the GIL, for 10 s while measuring; see --timeout"


def test_a_warm_up_may_take_any_time_while_it_progresses(stuck):
    steps = [(8, WarmingUp(items=20, done=done)) for done in range(20)]

    assert stuck((1, STARTED), *steps).remaining_s() == TIMEOUT_S - 1
    dog = stuck((1, STARTED), *steps, (5, WarmingUp(items=20, done=19)), (4, WarmingUp(items=20, done=19)))
    assert dog.remaining_s() == 0
    assert dog.error() == "no operation returned for 10 s while warming up; see --timeout"


def test_the_clients_start_when_the_warm_up_is_done(stuck):
    dog = stuck((1, STARTED), (1, WarmingUp(items=20, done=20)), (5, WarmingUp(items=20, done=20)))

    assert "while measuring" in dog.error()


def test_an_audit_may_take_any_time_while_it_progresses(stuck, tick):
    steps = [(100, Auditing(acknowledged=900, checked=done)) for done in range(9)]

    assert stuck((1, STARTED), (1, tick()), (1, Auditing()), *steps).remaining_s() == LOADING_TIMEOUT_S - 1


def test_the_time_for_an_audit_grows_with_what_was_written(stuck, tick):
    dog = stuck((1, STARTED), (1, tick(elapsed_s=600.0)), (1, Auditing()), (300, Auditing()))
    assert dog.remaining_s() == 600 - 301

    dog = stuck((1, STARTED), (1, tick()), (1, Auditing()), (100, Auditing()), (20, Auditing()))
    assert dog.remaining_s() == 0
    assert dog.error() == "nothing was read back for 2 min 00 s while auditing; see --timeout"


def test_loading_has_its_own_time(stuck, tick):
    ended = RepeatEnded(repeat=0, wall_s=1.0, operations=1, items=1)

    assert stuck((1, Loading(stage="a"))).remaining_s() == LOADING_TIMEOUT_S - 1
    assert stuck((1, STARTED), (1, tick()), (1, ended)).remaining_s() == LOADING_TIMEOUT_S - 1
    assert stuck((1, Loading(stage="a"))).error() == "no operation returned for 2 min 00 s while a; see --timeout"
