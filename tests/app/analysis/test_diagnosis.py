"""Verdicts: figures for each cause and its borders, which cause comes first, and figures full of gaps."""

from __future__ import annotations

import random
from typing import get_args

import msgspec
import pytest

from membench.analysis.diagnosis import Advice, Verdict, diagnose
from membench.analysis.facts import Fact
from membench.analysis.figures import Figures
from membench.messages.run import HoldSplit, LockUse, ProgramUse, TimerUse
from membench.report.wording import COMMAND_LINE, DASHBOARD

WAITS = HoldSplit(cpu=0.1, runqueue=0.0, lock=0.0, result=0.0, sleep=0.8, other=0.1)
COMPUTES = HoldSplit(cpu=0.9, runqueue=0.1, lock=0.0, result=0.0, sleep=0.0, other=0.0)
LACKS_A_CORE = HoldSplit(cpu=0.3, runqueue=0.7, lock=0.0, result=0.0, sleep=0.0, other=0.0)
BLOCKED = HoldSplit(cpu=0.2, runqueue=0.0, lock=0.0, result=0.0, sleep=0.0, other=0.8)
AWAITS_WORKERS = HoldSplit(cpu=0.0, runqueue=0.0, lock=0.0, result=1.0, sleep=0.0, other=0.0)
AWAITS_LOCK = HoldSplit(cpu=0.05, runqueue=0.0, lock=0.95, result=0.0, sleep=0.0, other=0.0)
LOCK = LockUse(
    site="membench_backends/embedding/strategies/mutex.py:31", name="self._lock", acquisitions=1000, contended=900,
    wait_s=64.0, hold_s=9.5, longest_wait_ms=300.0, longest_queue=7, component="strategy", locks=1, failed=0,
    other_contended=0, other_wait_s=0.0, utilisation=0.95, handover=0.0, hold_split=WAITS,
)  # fmt: skip
STORE_LOCK = msgspec.structs.replace(LOCK, site="membench_backends/stores/local.py:20", component="store")
OTHER_LOCK = msgspec.structs.replace(LOCK, site="mem0/memory/storage.py:15", component=None)
UNUSED_LOCK = msgspec.structs.replace(LOCK, acquisitions=0, hold_s=0.0)
TIMER = TimerUse(site="membench_backends/embedding/strategies/queue.py:90", sleeps=400, slept_s=8.0)
SHORT_TIMER = msgspec.structs.replace(TIMER, slept_s=2.9)
UNCOUNTED_TIMER = msgspec.structs.replace(TIMER, sleeps=0)
HEARTBEAT = TimerUse(site="heart.py:1", sleeps=10, slept_s=10.0)
POLLING = TimerUse(site="poll.py:1", sleeps=9000, slept_s=9.9)
CALM: dict[str, object] = {
    "run_id": "1", "plan_id": "1", "scenario": "s", "operation": "add", "backend": "b", "strategy": "mutex",
    "strategy_options": {}, "store": "local", "model": "m", "weights": "twin", "precision": "fp32", "threads": 1,
    "clients": 8, "duration_s": 10.0, "memories_per_s": 100.0, "latency_mean_ms": 80.0, "acknowledged": 1000,
    "measured_s": 10.0, "time_cpu": 0.1, "time_runqueue": 0.05, "time_lock": 0.05, "time_result": 0.05,
    "time_other": 0.75, "harness_share": 0.01, "locks": (), "timers": (), "stage_ms": None,
    "cpu_percent_per_core": (30.0, 30.0, 30.0, 30.0), "cores_used": 1.0, "client_load": 1.2, "worker_load": 0.0,
    "gil_busy": 0.1,
}  # fmt: skip
"""Eight clients on four cores that wait for something outside the process: no cause is visible."""

LOCKED = {"time_lock": 0.8, "time_other": 0.0, "locks": (LOCK,)}
TIMED = {"time_result": 0.9, "time_other": 0.0, "timers": (TIMER,), "latency_mean_ms": 25.0}
GIL = {"time_other": 0.75, "gil_busy": 0.85, "time_cpu": 0.12}
BUSY = {"cpu_percent_per_core": (98.0,) * 4}
"""Other programs use the cores that the run leaves."""
STORE = {"stage_ms": {"embed": 20.0, "store": 50.0, "history": 10.0}}
FULL = {"cores_used": 3.9, "cpu_percent_per_core": (98.0,) * 4, "time_runqueue": 0.5, "time_other": 0.3}
PADDED = {**FULL, "padding_factor": 2.0}
BATCHING = {
    "time_result": 0.9, "time_other": 0.05, "time_cpu": 0.04, "time_runqueue": 0.01, "worker_load": 3.6,
    "client_load": 0.4, "cores_used": 2.0, "cpu_percent_per_core": (100.0,) * 4,
}  # fmt: skip
"""Clients wait for workers that want all cores, of which other programs take half."""
CROWDED = {"client_load": 2.0, "worker_load": 12.0, "cores_used": 4.0}
NOTHING = {"latency_mean_ms": 0.001, "harness_share": 0.6}
OPEN = {"target_operations_per_s": 100.0, "idle_share": 0.5}


def lock(**changes):
    return msgspec.structs.replace(LOCK, **changes)


def figures(*causes, **changes):
    settings = dict(CALM)
    for cause in (*causes, changes):
        settings |= cause
    return Figures(**settings)


SLOWLY_PASSED = lock(hold_split=COMPUTES, utilisation=0.3, handover=0.7, handover_runqueue=0.9)


@pytest.mark.parametrize(
    ("causes", "changes", "verdict"),
    [
        ([], {}, "unclear"),
        ([LOCKED], {}, "lock-bound"),
        ([LOCKED], {"time_lock": 0.4}, "lock-bound"),
        ([LOCKED], {"time_lock": 0.39}, "unclear"),
        ([LOCKED], {"locks": ()}, "unclear"),
        ([LOCKED], {"locks": None, "time_lock": None}, "unclear"),
        ([LOCKED], {"locks": (lock(utilisation=0.7),)}, "lock-bound"),
        ([LOCKED], {"locks": (lock(utilisation=0.69),)}, "unclear"),
        ([LOCKED], {"locks": (lock(utilisation=0.6, handover=0.2),)}, "lock-bound"),
        ([LOCKED], {"locks": (lock(wait_s=10.0, other_wait_s=500.0),)}, "unclear"),
        ([LOCKED], {"locks": (lock(utilisation=0.3, locks=8), OTHER_LOCK)}, "lock-bound"),
        ([LOCKED], {"locks": (lock(kind="semaphore", permits=2),)}, "lock-bound"),
        # Holders that compute: whether the lock limits them depends on the cores that are left.
        ([LOCKED], {"locks": (lock(hold_split=COMPUTES),)}, "lock-bound"),
        ([LOCKED], {"locks": (lock(hold_split=COMPUTES),), "cores_used": 3.5}, "compute-bound"),
        ([LOCKED], {"locks": (lock(hold_split=COMPUTES),), "usable_cores": 1.0}, "compute-bound"),
        ([LOCKED], {"locks": (lock(hold_split=None),), "cores_used": 3.5}, "compute-bound"),
        ([LOCKED], {"locks": (lock(hold_split=AWAITS_WORKERS),)}, "lock-bound"),
        ([LOCKED], {"locks": (lock(hold_split=AWAITS_WORKERS),), "worker_load": 3.5}, "compute-bound"),
        ([LOCKED], {"locks": (lock(hold_split=AWAITS_WORKERS),), "cores_used": 3.5}, "compute-bound"),
        # Clients that were woken in vain are ready to run, but do not fill the cores.
        ([LOCKED], {"locks": (lock(hold_split=COMPUTES),), "client_load": 4.0}, "lock-bound"),
        # Holders that sleep: without the lock, the sleeps overlap, whatever the cores do.
        ([LOCKED], {"cores_used": 3.9}, "lock-bound"),
        ([LOCKED], {"gil_busy": 0.9, "worker_load": 1.0}, "lock-bound"),
        # Holders without a core, or without the interpreter's lock.
        ([LOCKED, BUSY], {"locks": (lock(hold_split=LACKS_A_CORE),)}, "compute-bound"),
        ([LOCKED, BUSY], {"locks": (SLOWLY_PASSED,)}, "compute-bound"),
        ([LOCKED], {"locks": (SLOWLY_PASSED,)}, "gil-bound"),  # although cores are free
        ([LOCKED], {"locks": (SLOWLY_PASSED,), "time_cpu": 0.01}, "lock-bound"),
        ([LOCKED], {"locks": (lock(hold_split=BLOCKED),), "gil_busy": 0.9}, "gil-bound"),
        ([LOCKED], {"locks": (lock(hold_split=COMPUTES, utilisation=0.3, handover=0.6),), "gil_busy": 0.9},
         "gil-bound"),
        ([LOCKED], {"locks": (lock(hold_split=BLOCKED),), "gil_busy": 0.5}, "lock-bound"),
        ([LOCKED], {"locks": (lock(hold_split=BLOCKED),), "gil_busy": 0.9, "time_cpu": 0.01}, "lock-bound"),
        ([TIMED], {}, "timer-bound"),
        ([TIMED], {"time_result": 0.39}, "unclear"),
        ([TIMED], {"timers": (SHORT_TIMER,)}, "unclear"),
        ([TIMED], {"timers": (HEARTBEAT,)}, "unclear"),
        ([TIMED], {"timers": (POLLING,)}, "unclear"),
        ([TIMED], {"timers": (HEARTBEAT, TIMER)}, "timer-bound"),
        ([TIMED], {"timers": (UNCOUNTED_TIMER,)}, "unclear"),
        ([TIMED, FULL], {}, "compute-bound"),
        ([GIL], {}, "gil-bound"),
        ([GIL], {"gil_busy": 0.59}, "unclear"),
        ([GIL], {"time_other": 0.29}, "unclear"),
        ([GIL], {"clients": 1}, "unclear"),
        ([GIL], {"time_cpu": 0.03}, "unclear"),
        ([GIL], {"time_cpu": 0.06}, "unclear"),  # other threads of the run used more than clients did
        ([GIL], {"time_sleep": 0.6}, "unclear"),
        ([GIL], {"usable_cores": 1.0}, "compute-bound"),
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
        ([FULL], {"time_sleep": 0.5}, "unclear"),
        ([PADDED], {"cores_used": 3.1, "time_runqueue": 0.1}, "unclear"),
        ([BATCHING], {}, "compute-bound"),
        ([BATCHING], {"worker_load": 2.0}, "unclear"),
        ([BATCHING], {"worker_load": None}, "unclear"),
        ([BATCHING], {"worker_load": 0.9, "usable_cores": 1.0}, "compute-bound"),
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
        ([OPEN], {"operation": "add_batch", "batch_size": 10, "memories_per_s": 1000.0, "idle_share": 0.0},
         "under-loaded"),
        ([OPEN], {"operation": "add_batch", "batch_size": 10, "memories_per_s": 100.0, "idle_share": 0.0}, "unclear"),
        ([LOCKED], {"acknowledged": 0}, "unclear"),
    ],
)  # fmt: skip
def test_a_verdict_and_its_borders(causes, changes, verdict):
    assert diagnose(figures(*causes, **changes)).verdict == verdict


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (CROWDED, LOCKED, "oversubscribed"),
        (LOCKED, STORE, "lock-bound"),
        (LOCKED, PADDED, "lock-bound"),
        (TIMED, {"stage_ms": {"store": 20.0}}, "timer-bound"),
        (GIL, STORE, "store-bound"),
        (STORE, {"time_cpu": 0.9}, "store-bound"),
        (NOTHING, GIL, "harness-bound"),
        (OPEN, LOCKED, "under-loaded"),
    ],
)
def test_which_cause_comes_first(first, second, verdict):
    assert diagnose(figures(first, second)).verdict == verdict
    assert diagnose(figures(second, first)).verdict == verdict


def test_every_verdict_can_be_reached():
    reached = {
        diagnose(figures(cause)).verdict
        for cause in ({}, LOCKED, TIMED, GIL, STORE, FULL, PADDED, CROWDED, NOTHING, OPEN)
    }
    assert reached == set(get_args(Verdict))


def test_the_lock_is_named_with_its_figures():
    evidence = diagnose(figures(LOCKED)).evidence

    assert evidence[0] == Fact("lock_wait", {"share": 0.8})
    assert evidence[1] == Fact("lock_held", {"site": LOCK.site, "share": 0.95})
    assert evidence[2] == Fact("hold_split", {"cpu": 0.1, "sleep": 0.8, "other": 0.1})
    assert evidence[3] == Fact("longest_wait", {"latency_ms": 300.0})


@pytest.mark.parametrize(
    ("lock", "step", "options", "values"),
    [
        (LOCK, "replace_strategy", {"strategy": "shared"}, {}),
        (STORE_LOCK, "replace_store", {"store": "edge"}, {}),
        (OTHER_LOCK, "shorten_lock", {}, {"site": OTHER_LOCK.site}),
    ],
)
def test_the_advice_depends_on_the_part_that_made_the_lock(lock, step, options, values):
    advice = diagnose(figures(LOCKED, locks=(lock,))).advice

    assert (advice.step, advice.options, advice.values) == (step, options, values)


def test_a_lock_whose_holder_fills_the_cores_calls_for_batches():
    diagnosis = diagnose(figures(LOCKED, locks=(lock(hold_split=COMPUTES),), cores_used=3.9))

    assert diagnosis.verdict == "compute-bound"
    assert diagnosis.advice == Advice("batch_calls", {"strategy": "adaptive"}, outlook=Fact("work_fills_cores"))
    assert diagnosis.evidence[0] == Fact(
        "holders_fill_cores", {"site": LOCK.site, "kind": "lock", "share": pytest.approx(0.0)}
    )
    assert Fact("lock_wait", {"share": 0.8}) in diagnosis.evidence


def test_a_convoy_names_what_its_holders_wait_for_and_the_programs_that_take_the_cores():
    busy = {"cores_used_by_others": 2.9, "other_programs": (ProgramUse("make", 2.5), ProgramUse("sshd", 0.1))}
    diagnosis = diagnose(figures(LOCKED, locks=(msgspec.structs.replace(OTHER_LOCK, hold_split=LACKS_A_CORE),), **busy))

    assert diagnosis.evidence[0] == Fact(
        "convoy_cores", {"site": OTHER_LOCK.site, "kind": "lock", "share": pytest.approx(0.7)}
    )
    assert Fact("other_programs", {"cores_used": 2.9}) in diagnosis.evidence
    assert [fact.values for fact in diagnosis.evidence if fact.name == "other_program"] == [
        {"program": "make", "cores_used": 2.5}
    ]
    assert diagnosis.advice == Advice("end_other_programs")


def test_a_convoy_behind_the_interpreters_lock_calls_for_less_python():
    diagnosis = diagnose(figures(LOCKED, locks=(lock(hold_split=BLOCKED),), gil_busy=0.9))

    assert diagnosis.evidence[0].name == "convoy_gil"
    assert Fact("client_cores", {"cores_used": pytest.approx(0.8), "cores": 4}) in diagnosis.evidence
    assert diagnosis.advice == Advice("less_python")


def test_holders_that_wait_for_another_lock_lead_to_it():
    outer, inner = lock(hold_split=AWAITS_LOCK, inner_site=OTHER_LOCK.site), OTHER_LOCK
    diagnosis = diagnose(figures(LOCKED, locks=(outer, inner)))

    assert diagnosis.evidence[1] == Fact("outer_lock", {"site": outer.site, "inner_site": inner.site})
    assert diagnosis.evidence[2].values["site"] == inner.site
    assert diagnosis.advice.values == {"site": inner.site}
    free = msgspec.structs.replace(inner, utilisation=0.3)
    assert diagnose(figures(LOCKED, locks=(outer, free))).evidence[1].values["site"] == outer.site


def test_locks_that_wait_for_each_other_end_the_search():
    first = lock(hold_split=AWAITS_LOCK, inner_site=OTHER_LOCK.site)
    second = msgspec.structs.replace(OTHER_LOCK, hold_split=AWAITS_LOCK, inner_site=LOCK.site)

    assert diagnose(figures(LOCKED, locks=(first, second))).verdict == "lock-bound"


def test_many_locks_of_a_line_and_permits_are_stated():
    many = diagnose(figures(LOCKED, locks=(lock(locks=8),))).evidence
    semaphore = msgspec.structs.replace(OTHER_LOCK, kind="semaphore", permits=2)
    gate = diagnose(figures(LOCKED, locks=(semaphore,)))

    assert Fact("busiest_of", {"locks": 8}) in many
    assert Fact("semaphore_held", {"site": OTHER_LOCK.site, "permits": 2, "share": 0.95}) in gate.evidence
    assert gate.advice.step == "shorten_semaphore"


@pytest.mark.parametrize(
    ("changes", "outlook"),
    [
        ({}, Fact("holder_waits")),
        ({"locks": (lock(hold_split=AWAITS_WORKERS),)}, Fact("holder_waits")),
        ({"locks": (lock(hold_split=BLOCKED),), "cpu_percent_per_core": (25.0,) * 4},
         Fact("cores_idle", {"idle_cores": 3.0, "cores": 4})),
        # Other programs use two of the three.
        ({"locks": (lock(hold_split=BLOCKED),), "cores_used_by_others": 2.0},
         Fact("cores_idle", {"idle_cores": 1.0, "cores": 4})),
        ({"locks": (lock(hold_split=BLOCKED),), "cpu_percent_per_core": (100.0,) * 4}, Fact("others_fill_cores")),
        ({"locks": (lock(hold_split=COMPUTES),), "gil_busy": 0.9}, Fact("holder_runs_python")),
        # Another thread of the run may be the one that keeps the interpreter's lock.
        ({"locks": (lock(hold_split=COMPUTES),), "gil_busy": 0.9, "worker_load": 0.9},
         Fact("cores_idle", {"idle_cores": 2.8, "cores": 4})),
        ({"cores_used": None}, None),
    ],
)  # fmt: skip
def test_advice_about_a_lock_states_what_speaks_for_it_and_promises_no_gain(changes, outlook):
    made = diagnose(figures(LOCKED, **changes)).advice.outlook

    assert (made and made.name, made and made.values) == (
        outlook and outlook.name,
        outlook and pytest.approx(outlook.values),
    )


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"time_sleep": 0.6}, Fact("clients_sleep", {"share": 0.6})),
        ({"time_sleep": 0.1}, Fact("unseen_waits", {"share": pytest.approx(0.65)})),
        ({"time_result": 0.9, "time_other": 0.0}, Fact("workers_busy", {"workers": 0.0, "cores": 4})),
        ({"time_result": 0.9, "time_other": 0.0, "locks": (lock(wait_s=0.0, other_wait_s=20.0),)},
         Fact("others_lock", {"site": LOCK.site, "share": 0.95})),
        ({"time_lock": 0.8, "time_other": 0.0, "locks": (lock(utilisation=0.3),)},
         Fact("lock_held", {"site": LOCK.site, "share": 0.3})),
        ({"cores_used_by_others": 1.0}, Fact("other_programs", {"cores_used": 1.0})),
    ],
)  # fmt: skip
def test_a_run_without_a_cause_says_what_clients_wait_for(changes, fact):
    diagnosis = diagnose(figures(**changes))

    assert diagnosis.verdict == "unclear"
    assert fact in diagnosis.evidence


@pytest.mark.parametrize(
    ("workers", "clients", "cores", "verdict"),
    [(2.1, 0.3, 1.0, "compute-bound"), (1.3, 2.0, 1.0, "compute-bound"), (2.1, 1.2, 1.0, "oversubscribed")],
)
def test_threads_that_take_turns_on_one_core_are_no_crowd(workers, clients, cores, verdict):
    made = figures(FULL, worker_load=workers, client_load=clients, usable_cores=cores)

    assert diagnose(made).verdict == verdict


def test_the_timer_is_stated_in_milliseconds():
    evidence = diagnose(figures(TIMED, strategy_options={"size": 64, "wait_ms": 20.0})).evidence

    assert Fact("timer_sleeps", {"site": TIMER.site, "share": 0.8, "sleep_ms": 20.0}) in evidence
    assert Fact("timer_setting", {"wait_ms": 20.0}) in evidence


def test_other_programs_are_blamed_where_they_take_the_cores():
    diagnosis = diagnose(figures(cores_used=1.0, cpu_percent_per_core=(100.0,) * 4, time_cpu=0.3, time_runqueue=0.6))

    assert diagnosis.verdict == "compute-bound"
    assert Fact("other_programs", {"cores_used": 3.0}) in diagnosis.evidence
    assert diagnosis.advice == Advice("end_other_programs")


def test_a_batching_system_is_short_of_cores_that_other_programs_take():
    diagnosis = diagnose(figures(BATCHING))

    assert Fact("cores_wanted", {"cores_wanted": 4.0, "cores": 4}) in diagnosis.evidence
    assert Fact("other_programs", {"cores_used": 2.0}) in diagnosis.evidence
    assert diagnosis.advice == Advice("end_other_programs")


@pytest.mark.parametrize("sessions", [3, None])
def test_a_pool_that_is_too_large_is_stated_in_sessions_and_threads(sessions):
    diagnosis = diagnose(figures(CROWDED, strategy="pool", strategy_options={"sessions": sessions}, threads=2))

    assert Fact("sessions", {"sessions": sessions, "threads": 2}) in diagnosis.evidence
    assert diagnosis.advice == Advice("fewer_threads", {"threads": 1})


def test_a_run_without_metering_is_told_to_meter():
    diagnosis = diagnose(figures(locks=None, timers=None, time_lock=None, time_result=None, time_other=None))

    assert diagnosis.verdict == "unclear"
    assert diagnosis.advice == Advice("enable_metering", {"metering": True})


def test_a_metered_run_without_a_cause_is_told_to_measure_longer():
    assert diagnose(figures()).advice == Advice("measure_longer", {"repeats": 3})


def random_lock(generator):
    """Return a lock of which every optional figure may be None, and every number is arbitrary."""
    shares = [generator.random() ** 4 for _ in HoldSplit.__struct_fields__]
    return lock(
        kind=generator.choice(["lock", "semaphore"]),
        permits=generator.choice([1, 4]),
        locks=generator.choice([None, 1, 9]),
        utilisation=generator.choice([None, 0.0, generator.random(), 1.0]),
        handover=generator.choice([None, generator.random()]),
        handover_runqueue=generator.choice([None, generator.random()]),
        hold_split=generator.choice([None, HoldSplit(*(share / sum(shares) for share in shares))]),
        inner_site=generator.choice([None, LOCK.site, "gone.py:1"]),
    )


def random_figures(generator):
    """Return figures of which every optional one may be None, and every number is arbitrary."""
    values = {}
    for name in ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other", "gil_busy", "harness_share",
                 "idle_share"):  # fmt: skip
        values[name] = generator.choice([None, 0.0, 1.0, generator.random()])
    for name in ("memories_per_s", "latency_mean_ms", "measured_s", "cores_used", "client_load", "worker_load",
                 "padding_factor", "client_time_s"):  # fmt: skip
        values[name] = generator.choice([None, 0.0, generator.expovariate(0.1), generator.expovariate(10)])
    return figures(
        values,
        target_operations_per_s=generator.choice([None, 5.0]),
        clients=generator.choice([1, 2, 100]),
        threads=generator.choice([None, 2]),
        strategy=generator.choice([None, "queue", "pool"]),
        strategy_options=generator.choice([{}, {"sessions": None}, {"wait_ms": 20.0}]),
        locks=generator.choice(
            [None, (), (LOCK,), (STORE_LOCK,), (OTHER_LOCK,), (UNUSED_LOCK,), (random_lock(generator),)]
        ),
        time_sleep=generator.choice([None, 0.0, generator.random()]),
        other_programs=generator.choice([None, (), (ProgramUse("make", 1.5),)]),
        cores_used_by_others=generator.choice([None, 0.0, 2.0]),
        timers=generator.choice([None, (), (TIMER,), (UNCOUNTED_TIMER,)]),
        stage_ms=generator.choice([None, {}, {"embed": 1.0}, {"store": 0.0}, {"store": 4.0, "embed": 1.0}]),
        cpu_percent_per_core=generator.choice([None, (), (50.0,), (0.0, 100.0)]),
        batch_size=generator.choice([1, 100]),
        batch_call=generator.choice([None, False, True]),
        acknowledged=generator.choice([None, 0, 10]),
        errors=generator.choice([None, 0, 3]),
    )


def test_any_figures_are_diagnosed_and_phrased():
    generator = random.Random(1)
    verdicts = set()
    for _ in range(20_000):
        made = random_figures(generator)
        diagnosis = diagnose(made)
        verdicts.add(diagnosis.verdict)
        assert diagnosis.evidence, made
        for wording in (COMMAND_LINE, DASHBOARD):
            assert all(map(wording.fact, diagnosis.evidence)), made
            advice = wording.advice(diagnosis.advice)
            assert advice.endswith("."), made
            assert advice.count(". ") == 0, advice
            assert advice[0].isupper()
        msgspec.json.encode(diagnosis)
    assert verdicts == set(get_args(Verdict))
