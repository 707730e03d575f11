"""Verdicts: one table of records for each cause and its borders, which cause comes first, and records full of holes."""

from __future__ import annotations

import random
from typing import get_args

import msgspec
import pytest

from membench.analysis.diagnosis import Verdict, diagnose
from membench.results.record import Record

LOCK = {
    "site": "membench_backends/embedding/strategies/mutex.py:31", "name": "self._lock", "acquisitions": 1000,
    "contended": 900,
    "wait_s": 64.0, "hold_s": 9.5, "longest_wait_ms": 300.0, "longest_queue": 7,
}  # fmt: skip
TIMER = {"site": "membench_backends/embedding/strategies/queue.py:90", "sleeps": 400, "slept_s": 8.0}
CALM: dict[str, object] = {
    "run_id": "1", "plan_id": "1", "started_at": "2026-01-01T00:00:00Z", "membench_version": "1", "scenario": "s",
    "operation": "add", "backend": "b", "strategy": "mutex", "strategy_options": {}, "store": "local", "model": "m",
    "weights": "twin", "precision": "fp32", "threads": 1, "clients": 8, "loop": "closed", "target_operations_per_s": None,
    "arrivals": None, "batch_size": 1, "batch_call": None, "repeats": 1, "items": None, "duration_s": 10.0,
    "status": "ok", "error": None, "memories_per_s": 100.0, "latency_mean_ms": 80.0, "acknowledged": 1000,
    "measured_s": 10.0, "time_cpu": 0.1, "time_runqueue": 0.05, "time_lock": 0.05, "time_result": 0.05,
    "time_other": 0.75, "harness_share": 0.01, "locks": [], "timers": [], "stage_ms": None,
    "cpu_percent_per_core": (30.0, 30.0, 30.0, 30.0), "cores_used": 1.0, "client_load": 1.2, "worker_load": 0.0,
    "gil_busy": 0.1,
}  # fmt: skip
"""Eight clients on four cores that wait for something outside: nothing to blame."""

LOCKED = {"time_lock": 0.8, "time_other": 0.0, "locks": [LOCK]}
TIMED = {"time_result": 0.9, "time_other": 0.0, "timers": [TIMER], "latency_mean_ms": 25.0}
GIL = {"time_other": 0.75, "gil_busy": 0.85}
STORE = {"stage_ms": {"embed": 20.0, "store": 50.0, "history": 10.0}}
FULL = {"cores_used": 3.9, "cpu_percent_per_core": (98.0,) * 4, "time_runqueue": 0.5, "time_other": 0.3}
PADDED = {**FULL, "padding_factor": 2.0}
CROWDED = {"client_load": 2.0, "worker_load": 12.0, "cores_used": 4.0}
NOTHING = {"latency_mean_ms": 0.001, "harness_share": 0.6}
OPEN = {"loop": "open", "target_operations_per_s": 100.0, "idle_share": 0.5}


def record(*causes, **changes):
    settings = dict(CALM)
    for cause in (*causes, changes):
        settings |= cause
    return Record(**settings)


@pytest.mark.parametrize(
    ("causes", "changes", "verdict"),
    [
        ([], {}, "unclear"),
        ([LOCKED], {}, "lock-bound"),
        ([LOCKED], {"time_lock": 0.4}, "lock-bound"),
        ([LOCKED], {"time_lock": 0.39}, "unclear"),
        ([LOCKED], {"locks": []}, "unclear"),
        ([LOCKED], {"locks": None, "time_lock": None}, "unclear"),
        ([TIMED], {}, "timer-bound"),
        ([TIMED], {"time_result": 0.39}, "unclear"),
        ([TIMED], {"timers": [{**TIMER, "slept_s": 2.9}]}, "unclear"),
        ([TIMED], {"timers": [{"site": "heart.py:1", "sleeps": 10, "slept_s": 10.0}]}, "unclear"),
        ([TIMED], {"timers": [{"site": "poll.py:1", "sleeps": 9000, "slept_s": 9.9}]}, "unclear"),
        ([TIMED], {"timers": [{"site": "heart.py:1", "sleeps": 10, "slept_s": 10.0}, TIMER]}, "timer-bound"),
        ([TIMED], {"timers": [{**TIMER, "sleeps": 0}]}, "unclear"),
        ([TIMED, FULL], {}, "compute-bound"),
        ([GIL], {}, "gil-bound"),
        ([GIL], {"gil_busy": 0.69}, "unclear"),
        ([GIL], {"time_other": 0.29}, "unclear"),
        ([GIL], {"clients": 1}, "unclear"),
        ([GIL], {"client_load": 0.1, "worker_load": 0.2}, "unclear"),
        ([GIL], {"client_load": 0.1, "worker_load": 0.9}, "gil-bound"),
        ([GIL, FULL], {"time_other": 0.4}, "compute-bound"),
        ([STORE], {}, "store-bound"),
        ([STORE], {"latency_mean_ms": 121.0}, "unclear"),
        ([STORE], {"stage_ms": {"embed": 50.0, "store": 30.0}}, "unclear"),
        ([STORE], {"stage_ms": {"embed": 50.0}}, "unclear"),
        ([STORE], {"stage_ms": {}}, "unclear"),
        ([STORE], {"operation": "add_batch", "batch_size": 10, "batch_call": False, "latency_mean_ms": 800.0},
         "store-bound"),
        ([STORE], {"operation": "add_batch", "batch_size": 10, "batch_call": True, "latency_mean_ms": 800.0},
         "unclear"),
        ([PADDED], {}, "padding-bound"),
        ([PADDED], {"padding_factor": 1.49}, "compute-bound"),
        ([PADDED], {"cores_used": 3.1, "time_runqueue": 0.1}, "unclear"),
        ([FULL], {}, "compute-bound"),
        ([FULL], {"cores_used": 3.2, "time_runqueue": None}, "compute-bound"),
        ([FULL], {"cores_used": 3.1, "time_runqueue": None}, "unclear"),
        ([], {"clients": 1, "time_cpu": 0.98, "time_runqueue": 0.0, "time_other": 0.0}, "compute-bound"),
        ([CROWDED], {}, "oversubscribed"),
        ([CROWDED], {"worker_load": 3.4}, "compute-bound"),
        ([CROWDED], {"worker_load": 4.0, "client_load": 3.1}, "compute-bound"),
        ([CROWDED], {"worker_load": None, "client_load": None}, "compute-bound"),
        ([NOTHING], {}, "harness-bound"),
        ([NOTHING], {"latency_mean_ms": 0.2}, "unclear"),
        ([NOTHING], {"harness_share": 0.2}, "unclear"),
        ([NOTHING], {"errors": 5}, "unclear"),
        ([OPEN], {}, "under-loaded"),
        ([OPEN], {"memories_per_s": 80.0}, "under-loaded"),
        ([OPEN], {"memories_per_s": 80.0, "idle_share": 0.01}, "unclear"),
        ([OPEN], {"memories_per_s": 80.0, "idle_share": None}, "unclear"),
        ([OPEN], {"memories_per_s": 98.0, "idle_share": None}, "under-loaded"),
        ([OPEN, FULL], {}, "compute-bound"),
        ([OPEN], {"operation": "add_batch", "batch_size": 10, "memories_per_s": 1000.0, "idle_share": 0.0}, "under-loaded"),
        ([OPEN], {"operation": "add_batch", "batch_size": 10, "memories_per_s": 100.0, "idle_share": 0.0}, "unclear"),
        ([LOCKED], {"acknowledged": 0}, "unclear"),
    ],
)  # fmt: skip
def test_a_verdict_and_its_borders(causes, changes, verdict):
    assert diagnose(record(*causes, **changes)).verdict == verdict


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (CROWDED, LOCKED, "oversubscribed"),
        (LOCKED, STORE, "lock-bound"),
        (LOCKED, PADDED, "lock-bound"),
        (TIMED, {"stage_ms": {"store": 20.0}}, "timer-bound"),
        (GIL, STORE, "gil-bound"),
        (STORE, {"time_cpu": 0.9}, "store-bound"),
        (NOTHING, GIL, "harness-bound"),
        (OPEN, LOCKED, "under-loaded"),
    ],
)
def test_which_cause_comes_first(first, second, verdict):
    assert diagnose(record(first, second)).verdict == verdict
    assert diagnose(record(second, first)).verdict == verdict


def test_every_verdict_can_be_reached():
    reached = {
        diagnose(record(cause)).verdict
        for cause in ({}, LOCKED, TIMED, GIL, STORE, FULL, PADDED, CROWDED, NOTHING, OPEN)
    }
    assert reached == set(get_args(Verdict))


def test_the_lock_is_named_with_its_figures():
    found = diagnose(record(LOCKED))

    assert found.evidence[0] == "clients wait for locks 80 % of their time"
    assert "membench_backends/embedding/strategies/mutex.py:31 is held 95 % of the time" in found.evidence[1]
    assert "--strategy shared" in found.advice


@pytest.mark.parametrize(
    ("changes", "gain"),
    [
        # Four cores, one used: three more would give 4x, and clients that never wait 5x.
        ({"time_lock": 0.8, "cpu_percent_per_core": (25.0,) * 4}, "up to 4.0x"),
        # Twice as much is all that clients who wait half of their time can do.
        ({"time_lock": 0.5, "cpu_percent_per_core": (25.0,) * 4}, "up to 2.0x"),
        # Other programs use two of the three.
        ({"time_lock": 0.8, "cpu_percent_per_core": (75.0,) * 4}, "up to 2.0x"),
        ({"time_lock": 0.8, "cpu_percent_per_core": (100.0,) * 4}, "cores are full"),
        ({"time_lock": 0.8, "gil_busy": 0.9}, "runs Python code"),
    ],
)
def test_what_a_lock_costs_is_not_promised_beyond_what_there_is(changes, gain):
    assert gain in diagnose(record(LOCKED, **changes)).advice


def test_the_timer_is_told_in_milliseconds():
    found = diagnose(record(TIMED, strategy_options={"size": 64, "wait_ms": 20.0}))

    assert any("80 %" in phrase and "20 ms at a time" in phrase for phrase in found.evidence)
    assert "the timer is set to 20 ms" in found.evidence


def test_other_programs_are_told_of_and_blamed_where_they_take_the_cores():
    disturbed = record(cores_used=1.0, cpu_percent_per_core=(100.0,) * 4, time_cpu=0.3, time_runqueue=0.6)
    found = diagnose(disturbed)

    assert found.verdict == "compute-bound"
    assert "other programs used 3.0 cores" in found.evidence
    assert found.advice.startswith("Other programs take the cores")


@pytest.mark.parametrize(("sessions", "told"), [(3, "3 sessions x 2 threads"), (None, "a session for each core x 2")])
def test_a_pool_that_is_too_large_is_told_in_sessions_and_threads(sessions, told):
    found = diagnose(record(CROWDED, strategy="pool", strategy_options={"sessions": sessions}, threads=2))

    assert any(told in phrase for phrase in found.evidence)
    assert "--threads 1" in found.advice


def test_a_run_without_metering_says_so():
    found = diagnose(record(locks=None, timers=None, time_lock=None, time_result=None, time_other=None))

    assert found.verdict == "unclear"
    assert "--no-metering" in found.advice


def random_record(generator):
    """A record of which any field that may be None is None, and any figure anything."""
    made = {}
    for name in ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other", "gil_busy", "harness_share",
                 "idle_share"):  # fmt: skip
        made[name] = generator.choice([None, 0.0, 1.0, generator.random()])
    for name in ("memories_per_s", "latency_mean_ms", "measured_s", "cores_used", "client_load", "worker_load",
                 "padding_factor"):  # fmt: skip
        made[name] = generator.choice([None, 0.0, generator.expovariate(0.1), generator.expovariate(10)])
    return record(
        made,
        loop=generator.choice(["open", "closed"]),
        target_operations_per_s=generator.choice([None, 5.0]),
        clients=generator.choice([1, 2, 100]),
        threads=generator.choice([None, 2]),
        strategy=generator.choice([None, "queue", "pool"]),
        strategy_options=generator.choice([{}, {"sessions": None}, {"wait_ms": 20.0}]),
        locks=generator.choice([None, [], [LOCK], [{**LOCK, "acquisitions": 0, "hold_s": 0.0}]]),
        timers=generator.choice([None, [], [TIMER], [{**TIMER, "sleeps": 0}]]),
        stage_ms=generator.choice([None, {}, {"embed": 1.0}, {"store": 0.0}, {"store": 4.0, "embed": 1.0}]),
        cpu_percent_per_core=generator.choice([None, (), (50.0,), (0.0, 100.0)]),
        batch_size=generator.choice([1, 100]),
        batch_call=generator.choice([None, False, True]),
        acknowledged=generator.choice([0, 10]),
        errors=generator.choice([0, 3]),
    )


def test_no_record_whatever_brings_it_down():
    generator = random.Random(1)
    verdicts = set()
    for _ in range(20_000):
        made = random_record(generator)
        found = diagnose(made)
        verdicts.add(found.verdict)
        assert found.verdict in get_args(Verdict), made
        assert found.evidence, made
        assert all(found.evidence), made
        assert found.advice.endswith("."), made
        assert found.advice.count(". ") == 0, found.advice
        assert found.advice[0].isupper()
        msgspec.json.encode(found)
    assert verdicts == set(get_args(Verdict))
