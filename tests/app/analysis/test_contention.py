"""The meter readings of all repeats together: sums, shares that add up, and None for what is unknown."""

from __future__ import annotations

import pytest

from membench.analysis.contention import client_time, meter_figures
from membench.messages.run import Contention, LockUse, TimerUse, TimeSplit

SHARES = ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other")


def split(wall=10.0, cpu=1.0, runqueue=2.0, lock=3.0, result=1.0, idle=0.0, switches=100):
    return TimeSplit(
        wall_s=wall, cpu_s=cpu, runqueue_s=runqueue, lock_s=lock, result_s=result, idle_s=idle, switches=switches
    )


def readings(**changes):
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
        "readings": {"gil_busy": 0.5, "cores_used": 1.5, "client_load": 1.0, "worker_load": 0.5, "rss_peak_mb": 100.0},
    }
    return Contention(**{**settings, **changes})


def shares(time):
    figures = meter_figures([readings(time=time)])
    return {name: figures.get(name) for name in SHARES}


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
    values = shares(time).values()

    assert sum(values) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in values)


def test_idle_time_is_in_no_share():
    figures = meter_figures([readings(time=split(wall=100, idle=90))])

    assert [figures[name] for name in SHARES] == [0.1, 0.2, 0.3, 0.1, pytest.approx(0.3)]
    assert figures["client_time_s"] == 10.0


def test_no_time_has_no_shares():
    assert set(shares(split(0, 0, 0, 0, 0)).values()) == {None}


@pytest.mark.parametrize("unknown", [{"runqueue": None}, {"lock": None, "result": None}])
def test_other_blocking_is_known_only_if_all_else_is(unknown):
    made = shares(split(**unknown))

    assert made["time_other"] is None
    assert made["time_cpu"] == 0.1
    assert all(made[f"time_{name}"] is None for name in unknown)


def test_repeats_are_added_up():
    longer = LockUse("a.py:1", "a_lock", 10, 5, 1.0, 1.0, 90.0, 3)
    other = LockUse("c.py:3", "", 1, 1, 9.0, 0.1, 9.0, 1)
    repeats = [
        readings(),
        readings(
            locks=(other, longer),
            time=split(wall=30, cpu=9),
            readings={"cores_used": 0.5, "gil_busy": 0.5, "rss_peak_mb": 300.0},
        ),
    ]
    made = meter_figures(repeats)

    assert made["locks"] == (other, LockUse("a.py:1", "a_lock", 110, 55, 4.0, 2.0, 90.0, 7))
    assert made["timers"] == (TimerUse("b.py:2", 20, 0.4),)
    assert client_time(repeats) == split(wall=40, cpu=10, runqueue=4, lock=6, result=2, switches=200)
    assert made["time_cpu"] == 10 / 40
    assert (made["stage_ms"], made["stage_p99_ms"]) == ({"embed": 4.0}, {"embed": 9.0})
    assert (made["queue_depth_p99"], made["batch_size_mean"], made["padding_factor"]) == (5.0, 8.0, 1.5)


def test_readings_are_averaged_but_of_memory_the_highest_counts():
    made = meter_figures([readings(readings={"cores_used": value, "rss_peak_mb": value}) for value in (1.5, 0.5)])

    assert made["cores_used"] == 1.0
    assert made["rss_peak_mb"] == 1.5


def test_a_reading_that_only_some_repeats_have_is_averaged_over_those():
    made = meter_figures([readings(), readings(readings={})])

    assert (made["gil_busy"], made["client_load"], made["worker_load"]) == (0.5, 1.0, 0.5)


def test_locks_of_one_line_with_two_names_stay_apart():
    one, two = LockUse("a.py:1", "x", 1, 0, 0.0, 0.1, 0.0, 0), LockUse("a.py:1", "y", 1, 0, 0.0, 0.2, 0.0, 0)

    assert meter_figures([readings(locks=(one, two))])["locks"] == (two, one)


def test_without_readings_there_are_no_figures():
    assert meter_figures([]) == {}
    assert client_time([]) is None


def test_time_that_one_repeat_does_not_know_is_unknown():
    repeats = [readings(), readings(time=split(runqueue=None, switches=None))]
    made, time = meter_figures(repeats), client_time(repeats)

    assert time.runqueue_s is time.switches is made["time_runqueue"] is made["time_other"] is None
    assert made["time_lock"] == 0.3


def test_a_system_without_meters_has_only_the_readings_of_its_process():
    bare = readings(time=None, locks=(), timers=(), stage_ms={}, gauges={}, readings={"cores_used": 1.5})
    made = meter_figures([bare, bare])

    assert {name: value for name, value in made.items() if value is not None} == {
        "cores_used": 1.5,
        "locks": (),
        "timers": (),
    }


def test_a_stage_that_only_some_repeats_have_is_averaged_over_those():
    made = meter_figures([readings(), readings(stage_ms={"embed": (6.0, 9.0), "store": (1.0, 2.0)})])

    assert made["stage_ms"] == {"embed": 5.0, "store": 1.0}
