"""The headline of a plan: what holds the system back, and what is faster."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.facts import Fact
from membench.messages.run import LockUse
from membench.report.headline import headline
from membench.session.measurement import Measurement

LOCK = LockUse(
    site="membench_backends/embedding/strategies/mutex.py:31", name="self._lock", acquisitions=100, contended=90,
    wait_s=68.8, hold_s=9.0, longest_wait_ms=90.0, longest_queue=7, component="strategy",
)  # fmt: skip


@pytest.fixture
def run(spec):
    """A factory of records of runs that went well, each with a run ID of its own."""
    bare = Measurement(spec()).record("ok")
    numbers = iter(range(100))

    def make(**changes):
        settings = {"run_id": f"run-{next(numbers)}", "backend": "agentmem", "clients": 8, "memories_per_s": 100.0}
        return msgspec.structs.replace(bare, **(settings | changes))

    return make


@pytest.fixture
def mutex(run):
    """A run whose clients wait for one lock 86 % of their time."""
    return run(verdict="lock-bound", time_lock=0.9, client_time_s=80.0, locks=(LOCK,))


def test_the_lock_and_what_is_faster(run, mutex, repeated):
    mutex = repeated(mutex, 100.0, 90.0, 110.0)
    adaptive = repeated(run(strategy="adaptive", verdict="compute-bound"), 210.0, 188.0, 231.0)
    made = headline([mutex, adaptive])

    assert made.text == (
        "agentmem: mutex is lock-bound (86 % of client time waits at mutex.py:31); "
        "adaptive is 2.10x mutex (2.08 to 2.11)"
    )
    assert made.run_id == mutex.run_id


def test_a_faster_run_of_the_same_system_is_preferred(run, mutex):
    others = [
        run(backend="mem0", strategy="shared", memories_per_s=300.0),
        run(strategy="shared", memories_per_s=200.0),
    ]

    assert "shared is 2.00x mutex" in headline([mutex, *others]).text
    assert "mem0 · shared is 3.00x agentmem · mutex" in headline([mutex, others[0]]).text


def test_the_group_with_the_most_clients_is_chosen_and_named(run, mutex):
    few = [run(clients=1, memories_per_s=90.0), run(clients=1, strategy="shared")]
    made = headline([*few, mutex, run(strategy="shared", memories_per_s=150.0)])

    assert made.text.startswith("8 clients, agentmem: mutex is lock-bound (86 %")


def test_without_a_lock_the_slowest_run_is_chosen(run):
    slow = run(
        strategy="queue",
        memories_per_s=50.0,
        verdict="timer-bound",
        verdict_evidence=(Fact("result_wait", {"share": 0.9}), Fact("cores_busy", {"share": 0.1})),
    )
    made = headline([run(strategy="shared"), slow])

    assert made.text.startswith(
        "agentmem: queue is timer-bound (clients wait for a result 90 % of their time); shared is 2.00x queue"
    )
    assert made.run_id == slow.run_id


def test_a_difference_within_the_noise_is_said_to_be(run, mutex, repeated):
    noisy = repeated(run(strategy="shared"), 70.0, 105.0, 140.0)
    mutex = repeated(mutex, 80.0, 100.0, 120.0)

    assert headline([mutex, noisy]).text.endswith("which may be chance")


def test_the_fastest_run_may_be_the_one_that_waits(run, mutex):
    assert headline([mutex, run(strategy="shared", memories_per_s=20.0)]).text.endswith("none of the others is faster")


def test_a_single_run_has_no_ratio(run):
    made = headline([run(verdict="unclear", memories_per_s=131.4)])

    assert made.text == "agentmem · mutex reaches 131 memories/s"


def test_runs_that_lost_data_are_counted_and_never_the_fastest(run, mutex):
    lossy = run(strategy="shared", memories_per_s=900.0, status="failed", lost=3, error="3 memories lost")
    made = headline([mutex, run(strategy="adaptive", memories_per_s=200.0), lossy])

    assert "adaptive is 2.00x mutex" in made.text
    assert made.text.endswith("1 run failed the audit")


def test_a_plan_without_a_good_run_says_why(run):
    made = headline([run(status="crashed", memories_per_s=None, error="the runner was killed by SIGSEGV")])

    assert made.text.startswith("No run went well. quick · agentmem") and made.text.endswith("killed by SIGSEGV")
    assert headline([]) is None
