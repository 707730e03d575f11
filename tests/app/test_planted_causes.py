"""Real runs of backends with one known cause each: the verdict names it, and the figures agree with arithmetic."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext

import psutil
import pytest

from cases import CASES, busy_processes, install, is_correct, one_core, sites_of
from membench.analysis.diagnosis import Advice
from membench.analysis.scaling import fit
from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.report.scaling import scaling_groups
from membench.report.wording import COMMAND_LINE
from membench.session.events import RunEnded
from membench.session.session import Session

pytestmark = [pytest.mark.xdist_group("measures"), pytest.mark.alone]

MAX_S = 60.0
CONDITIONS = {"alone": nullcontext, "busy": busy_processes, "one_core": one_core}
SHORT_S = 0.8
DURATIONS_S = (SHORT_S, 3.0, 3.0)
"""How long a case is measured. What disturbs a machine for tests can mislead a short run, but not again and again."""
DISTURBED = (
    "waiting", "waiting-next-to-spinner", "semaphore-as-lock", "locked-python", "locked-crew", "gil-convoy",
    "store-next-to-spinner", "spinning", "workers",
)  # fmt: skip
"""The cases that are also tested next to busy processes and on one core; `benchmarks/planted_causes.py` tests all."""


@pytest.fixture(scope="module")
def planted_folder(tmp_path_factory):
    """A folder with an installed distribution that provides the planted backends."""
    folder = tmp_path_factory.mktemp("planted")
    install(folder)
    return folder


@pytest.fixture
def run(planted_folder, monkeypatch, temporary):
    """Run a planted backend in a runner of its own, and return its records."""
    from membench_backends.registry import backends

    monkeypatch.setenv("PYTHONPATH", str(planted_folder))
    monkeypatch.setattr(sys, "path", [str(planted_folder), *sys.path])
    backends.cache_clear()

    def run(backend, *clients, **choice):
        plan = make_plan(
            Choice(scenarios=("planted",), backends=(backend,), clients=clients, **choice),
            load_catalogue(planted_folder / "planted.toml"),
        )
        records = [event.record for event in Session(plan, MAX_S).events() if isinstance(event, RunEnded)]
        assert [(record.status, record.error) for record in records] == [("ok", None)] * len(plan.runs)
        return records if len(records) > 1 else records[0]

    yield run
    backends.cache_clear()


def site_of(code):
    (site,) = sites_of(code)
    return site


def explain(record):
    """Return the verdict of a record with its evidence, for the message of a failed assertion."""
    evidence = "; ".join(COMMAND_LINE.evidence(record))
    return f"{record.verdict}: {evidence} ({COMMAND_LINE.advice(record.verdict_advice)})"


def diagnose_case(run, case, condition):
    """Run a case, and fail unless its verdict is true under the condition. A machine for tests is never quite alone."""
    expected = case.alone + case.busy if condition == "alone" else getattr(case, condition)
    wrong = []
    for duration_s in DURATIONS_S:
        with CONDITIONS[condition]():
            record = run(case.backend, case.clients, duration_s=duration_s)
        if is_correct(case, expected, record):
            return record
        wrong.append(explain(record))
    pytest.fail(f"{expected} expected; {wrong}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.backend)
def test_the_cause_is_told_from_its_symptoms(run, case):
    diagnose_case(run, case, "alone")


@pytest.mark.parametrize("condition", ["busy", "one_core"])
@pytest.mark.parametrize("case", [case for case in CASES if case.backend in DISTURBED], ids=lambda case: case.backend)
def test_the_cause_is_told_on_a_machine_with_few_cores_left(run, case, condition):
    if condition == "one_core" and not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no processor affinity")
    record = diagnose_case(run, case, condition)

    if condition == "busy" and record.cores_used_by_others > 1:
        assert any("python" in program.name for program in record.other_programs)
        assert not any("membench" in program.name for program in record.other_programs)
    if condition == "one_core":
        assert record.usable_cores == 1


def test_many_locks_of_a_line_are_counted_and_none_is_held_more_than_all_of_the_time(run):
    record = run("hot-stripe", 8, duration_s=SHORT_S)
    lock = record.locks[0]

    assert lock.locks == 8
    assert 0.7 < lock.utilisation <= 1
    assert lock.hold_s > lock.utilisation * record.metered_s


def test_locks_of_every_call_take_one_row(run):
    record = run("lock-per-call", 8, duration_s=SHORT_S)
    (lock,) = [lock for lock in record.locks if "lock_backends" in lock.site]

    assert lock.locks == lock.acquisitions + 1  # the warm-up
    assert lock.utilisation < 0.5


def test_shares_of_client_time_leave_out_the_waits_of_other_threads(run):
    record = run("workers-contend", 8, duration_s=SHORT_S)
    (lock,) = [lock for lock in record.locks if lock.site == site_of("self._workers_lock = ")]

    assert (lock.wait_s, lock.contended) == (0, 0)
    assert lock.other_wait_s > record.metered_s
    assert record.wait_share(lock) == 0


def test_attempts_that_gave_up_are_waits(run):
    record = run("retries", 8, duration_s=SHORT_S)
    lock = record.locks[0]

    assert lock.failed > lock.acquisitions
    assert record.time_lock > 0.5
    assert record.wait_share(lock) == pytest.approx(record.time_lock, abs=0.05)


def test_a_lock_held_for_half_of_an_operation(run):
    """The cycle of each of N clients takes N holds: it works outside the lock, holds it once, and waits otherwise."""
    clients = 8
    record = run("held-lock", clients)
    lock = record.locks[0]
    # Both as measured: a sleep takes longer than requested, especially on a busy machine.
    hold_s = lock.hold_s / lock.acquisitions
    outside_s = record.latency_mean_ms / 1e3 - hold_s - lock.wait_s / lock.acquisitions
    expected = 1 - (hold_s + outside_s) / (clients * hold_s)

    assert record.verdict == "lock-bound", explain(record)
    assert lock.site == site_of("self._ledger_lock = ")
    assert lock.name == "self._ledger_lock"
    assert record.time_lock == pytest.approx(expected, rel=0.1)
    assert record.time_lock == pytest.approx(1 - 10 / (clients * 5), rel=0.1)
    assert record.wait_share(lock) == pytest.approx(record.time_lock, rel=0.1)
    assert lock.wait_s / (record.measured_s * clients) == pytest.approx(record.time_lock, rel=0.1)
    assert record.held_share(lock) > 0.9
    # A client that arrives at the right moment overtakes those that wait: one may hold the lock, and one be outside.
    assert clients - 2 <= lock.longest_queue <= clients
    assert 0 < lock.contended <= lock.acquisitions


def test_a_loop_in_python(run):
    record = run("pure-python", 4)

    assert record.verdict == "gil-bound" if psutil.cpu_count() > 1 else "compute-bound", explain(record)


@pytest.mark.parametrize("backend", ["crowd", "passing-crowd"])
@pytest.mark.parametrize("clients", [1, 4])
def test_four_times_as_many_busy_threads_as_cores(run, backend, clients):
    record = run(backend, clients)

    assert record.verdict == "oversubscribed", explain(record)


@pytest.mark.parametrize("clients", [1, 4])
def test_a_sleep_in_a_batcher(run, clients):
    record = run("batcher", clients)

    assert record.verdict == "timer-bound", explain(record)
    (sleep,) = [fact for fact in record.verdict_evidence if fact.name == "timer_sleeps"]
    assert sleep.values["site"] == site_of("time.sleep(WINDOW_S)")
    assert sleep.values["sleep_ms"] == pytest.approx(20, rel=0.15)


def test_a_thread_that_sleeps_but_is_not_awaited_is_no_timer(run):
    record = run("busy-worker", 4)

    assert record.verdict in ("unclear", "compute-bound"), explain(record)


def test_a_slow_store(run):
    record = run("slow-store", 4)

    assert record.verdict == "store-bound", explain(record)
    assert record.stage_ms["store"] == pytest.approx(9 * record.stage_ms["embed"], rel=0.5)


@pytest.mark.parametrize("backend", ["sleepy", "quick-store"])
@pytest.mark.parametrize("clients", [1, 4])
def test_a_light_load_that_waits_for_something_outside_is_unclear(run, backend, clients):
    record = run(backend, clients)

    assert record.verdict == "unclear", explain(record)
    assert record.time_other > 0.5


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_an_open_loop_that_is_kept_up_with_is_under_loaded(run, arrivals):
    record = run("sleepy", 4, target_operations_per_s=50.0, arrivals=arrivals)

    assert record.verdict == "under-loaded", explain(record)
    assert record.idle_share > 0.5


def test_an_open_loop_that_falls_behind_is_not_under_loaded(run):
    record = run("held-lock", 8, target_operations_per_s=1000.0)

    assert record.verdict == "lock-bound", explain(record)
    assert record.idle_share < 0.1


def test_a_backend_that_does_nothing_measures_the_harness(run):
    record = run("null", 1)

    assert record.verdict == "harness-bound", explain(record)


def test_a_short_run_has_a_verdict_too(run):
    record = run("held-lock", 8, items=50)

    assert record.verdict == "lock-bound", explain(record)
    assert record.locks[0].acquisitions == 50


def test_lists_have_the_same_verdicts(run, planted_folder):
    text = (planted_folder / "planted.toml").read_text()
    lists = text.replace('"add"', '"add_batch"').replace("corpus =", "batch_size = 5\ncorpus =")
    (planted_folder / "lists.toml").write_text(lists)
    for backend, verdict in (("held-lock", "lock-bound"), ("slow-store", "store-bound"), ("quick-store", "unclear")):
        choice = Choice(scenarios=("planted",), backends=(backend,), clients=(8,))
        plan = make_plan(choice, load_catalogue(planted_folder / "lists.toml"))
        (record,) = [event.record for event in Session(plan, MAX_S).events() if isinstance(event, RunEnded)]
        assert record.verdict == verdict, explain(record)


def test_without_metering_no_lock_is_blamed_and_the_advice_says_why(run):
    record = run("held-lock", 8, metering=False)

    assert record.verdict == "unclear", explain(record)
    assert record.locks is record.timers is record.time_lock is record.time_result is record.time_other is None
    assert record.verdict_advice == Advice("enable_metering", {"metering": True})


def test_every_repeat_counts_once(run):
    record = run("held-lock", 4, items=40, repeats=3)

    assert record.locks[0].acquisitions == record.acknowledged == 120
    shares = [getattr(record, f"time_{part}") for part in ("cpu", "runqueue", "lock", "result", "other")]
    assert sum(shares) == pytest.approx(1, abs=0.01)


def test_a_known_contention_is_found(run):
    records = run("lockstep", 1, 2, 4, 8, 16, 32, repeats=3, duration_s=0.7)
    (group,) = scaling_groups(records)
    scaling = fit(group.rates)

    assert scaling.contention.value == pytest.approx(0.2, abs=0.05), json.dumps(group.rates)
    assert scaling.contention.low <= 0.25
    assert scaling.contention.high >= 0.15
