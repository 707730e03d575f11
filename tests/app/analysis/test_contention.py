"""The meters of all repeats together: sums, shares that add up, and None for what is not known."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.contention import Shares, Summary, shares, summarise
from membench.messages.run import Contention, LockUse, TimerUse, TimeSplit


def split(wall=10.0, cpu=1.0, runqueue=2.0, lock=3.0, result=1.0, idle=0.0, switches=100):
    return TimeSplit(
        wall_s=wall, cpu_s=cpu, runqueue_s=runqueue, lock_s=lock, result_s=result, idle_s=idle, switches=switches
    )


def meters(**changes):
    settings = {
        "time": split(),
        "locks": (LockUse("a.py:1", "a_lock", 100, 50, 3.0, 1.0, 40.0, 7),),
        "timers": (TimerUse("b.py:2", 10, 0.2),),
        "stage_ms": {"embed": (4.0, 9.0)},
        "gauges": {
            "queue_depth": (2.0, 5.0),
            "batch_size": (8.0, 8.0),
            "tokens": (20.0, 0),
            "padded_tokens": (30.0, 0),
        },
        "gil_busy": 0.5,
        "cores_used": 1.5,
        "client_load": 1.0,
        "worker_load": 0.5,
    }
    return Contention(**{**settings, **changes})


def parts(made):
    return [part for part in msgspec.structs.astuple(made) if part is not None]


@pytest.mark.parametrize(
    "time",
    [
        split(),
        split(lock=0, result=0, runqueue=0, cpu=0),
        split(cpu=10, runqueue=0, lock=0, result=0),
        split(wall=10, cpu=2, runqueue=4, lock=8, result=2),
        split(wall=100, idle=90),
        split(wall=100, idle=100),
        split(wall=1e-9, cpu=1e-9, runqueue=0, lock=0, result=0),
    ],
)
def test_shares_add_up_to_one(time):
    made = shares(time)

    assert len(parts(made)) == 5
    assert sum(parts(made)) == pytest.approx(1)
    assert all(0 <= part <= 1 for part in parts(made))


def test_time_with_nothing_to_do_is_in_no_share():
    made = shares(split(wall=100, idle=90))

    assert made == Shares(cpu=0.1, runqueue=0.2, lock=0.3, result=0.1, other=pytest.approx(0.3))


def test_no_time_has_no_shares():
    assert shares(split(0, 0, 0, 0, 0)) == Shares()


@pytest.mark.parametrize("unknown", [{"runqueue": None}, {"lock": None, "result": None}])
def test_what_is_blocked_otherwise_is_known_only_if_all_else_is(unknown):
    made = shares(split(**unknown))

    assert made.other is None
    assert made.cpu == 0.1
    assert all(getattr(made, name) is None for name in unknown)


def test_repeats_are_added_up():
    longer = LockUse("a.py:1", "a_lock", 10, 5, 1.0, 1.0, 90.0, 3)
    other = LockUse("c.py:3", "", 1, 1, 9.0, 0.1, 9.0, 1)
    made = summarise([meters(), meters(locks=(other, longer), time=split(wall=30, cpu=9), cores_used=0.5)])

    assert made.locks == [other, LockUse("a.py:1", "a_lock", 110, 55, 4.0, 2.0, 90.0, 7)]
    assert made.timers == [TimerUse("b.py:2", 20, 0.4)]
    assert made.time.wall_s == 40
    assert made.time.switches == 200
    assert made.shares.cpu == 10 / 40
    assert made.cores_used == 1.0
    assert (made.stage_ms, made.stage_p99_ms) == ({"embed": 4.0}, {"embed": 9.0})
    assert (made.queue_depth_p99, made.batch_size_mean, made.padding_factor) == (5.0, 8.0, 1.5)


def test_locks_of_one_line_and_two_names_stay_apart():
    one, two = LockUse("a.py:1", "x", 1, 0, 0.0, 0.1, 0.0, 0), LockUse("a.py:1", "y", 1, 0, 0.0, 0.2, 0.0, 0)

    assert summarise([meters(locks=(one, two))]).locks == [two, one]


def test_nothing_measured_is_nothing_known():
    assert summarise([]) == Summary()


def test_what_one_repeat_does_not_know_of_time_is_not_known_of_all():
    made = summarise([meters(), meters(time=split(runqueue=None, switches=None))])

    assert made.time.runqueue_s is made.time.switches is made.shares.runqueue is made.shares.other is None
    assert made.shares.lock == 0.3


def test_a_system_that_tells_nothing():
    bare = meters(
        time=None, locks=(), timers=(), stage_ms={}, gauges={}, gil_busy=None, client_load=None, worker_load=None
    )
    made = summarise([bare, bare])

    assert made == Summary(cores_used=1.5)


def test_stages_that_only_some_repeats_have():
    made = summarise([meters(), meters(stage_ms={"embed": (6.0, 9.0), "store": (1.0, 2.0)})])

    assert made.stage_ms == {"embed": 5.0, "store": 1.0}
