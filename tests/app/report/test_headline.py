"""What the runs of a plan say together."""

from __future__ import annotations

import msgspec
import pytest

from membench.report.headline import best_of, headline, names_of
from membench.session.measurement import Measurement

LOCK = {"site": "membench_backends/embedding/strategies/mutex.py:31", "wait_s": 9.0, "hold_s": 1.0}


@pytest.fixture
def run(spec):
    """Makes a record of a run that went well, one that is told from the others by its name."""
    bare = Measurement(spec()).record("ok")
    numbers = iter(range(100))

    def make(**changes):
        known = {"run_id": f"run-{next(numbers)}", "backend": "agentmem", "clients": 8, "memories_per_s": 100.0}
        return msgspec.structs.replace(bare, **(known | changes))

    return make


@pytest.fixture
def mutex(run):
    return run(verdict="lock-bound", time_lock=0.86, locks=[LOCK], memories_per_s_repeats=(100.0, 100.0))


def test_the_lock_and_what_is_faster(run, mutex):
    adaptive = run(
        strategy="adaptive", memories_per_s=210.0, memories_per_s_repeats=(210.0, 210.0), verdict="compute-bound"
    )
    told = headline([mutex, adaptive])

    assert told.words == (
        "agentmem: mutex is lock-bound (86 % of client time waits at "
        "membench_backends/embedding/strategies/mutex.py:31); "
        "adaptive is 2.10x mutex (2.10 to 2.10)"
    )
    assert told.run_id == mutex.run_id


def test_the_remedy_is_sought_in_the_same_system_first(run, mutex):
    others = [
        run(backend="mem0", strategy="shared", memories_per_s=300.0),
        run(strategy="shared", memories_per_s=200.0),
    ]

    assert "shared is 2.00x mutex" in headline([mutex, *others]).words
    assert "mem0 · shared is 3.00x agentmem · mutex" in headline([mutex, others[0]]).words


def test_the_group_with_most_clients_is_told_and_named(run, mutex):
    few = [run(clients=1, memories_per_s=90.0), run(clients=1, strategy="shared")]
    told = headline([*few, mutex, run(strategy="shared", memories_per_s=150.0)])

    assert told.words.startswith("8 clients, agentmem: mutex is lock-bound (86 %")


def test_without_a_lock_the_slowest_is_told(run):
    slow = run(
        strategy="queue", memories_per_s=50.0, verdict="timer-bound", verdict_evidence=["clients wait for a timer"]
    )
    told = headline([run(strategy="shared"), slow])

    assert told.words.startswith("agentmem: queue is timer-bound (clients wait for a timer); shared is 2.00x queue")
    assert told.run_id == slow.run_id


def test_a_difference_within_the_noise_is_called_so(run, mutex):
    noisy = run(strategy="shared", memories_per_s=101.0, memories_per_s_repeats=(70.0, 101.0, 140.0))
    mutex = msgspec.structs.replace(mutex, memories_per_s_repeats=(80.0, 100.0, 120.0))

    assert headline([mutex, noisy]).words.endswith("which may be chance")


def test_the_fastest_may_be_the_one_that_waits(run, mutex):
    assert headline([mutex, run(strategy="shared", memories_per_s=20.0)]).words.endswith("none of the others is faster")


def test_one_run_is_told_alone(run):
    assert headline([run(verdict="unclear", memories_per_s=131.4)]).words == "agentmem · mutex does 131 memories/s"


def test_runs_that_lost_data_are_counted_and_never_the_best(run, mutex):
    lossy = run(strategy="shared", memories_per_s=900.0, status="failed", lost=3, error="3 memories lost")
    told = headline([mutex, run(strategy="adaptive", memories_per_s=200.0), lossy])

    assert "adaptive is 2.00x mutex" in told.words
    assert told.words.endswith("1 run lost or spoilt data")
    assert best_of([mutex, lossy]) == frozenset()


def test_nothing_measured_says_why(run):
    told = headline([run(status="crashed", memories_per_s=None, error="the runner was killed by SIGSEGV")])

    assert told.words.startswith("No run went well. quick · agentmem") and told.words.endswith("killed by SIGSEGV")
    assert headline([]) is None


def test_the_best_is_found_among_those_with_the_same_to_do(run):
    slow, fast, alone = run(), run(strategy="shared", memories_per_s=200.0), run(clients=1, memories_per_s=900.0)

    assert best_of([slow, fast, alone]) == {fast.run_id}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"strategy": "shared"}, ["mutex", "shared"]),
        ({"clients": 1}, ["8 clients", "1 client"]),
        ({"threads": 2}, ["agentmem · mutex", "agentmem · mutex · threads 2"]),
    ],
)
def test_a_name_is_what_tells_a_run_from_the_others(run, changes, names):
    records = [run(), run(**changes)]
    told = names_of(records)
    if "threads" in changes:
        assert told[records[1].run_id] == "threads 2"
    else:
        assert list(told.values()) == names
