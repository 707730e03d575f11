"""Contention on the command line: verdicts, locks and scaling, from real runs of real systems."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.xdist_group("measures")

SHARES = ("time_cpu", "time_runqueue", "time_lock", "time_result", "time_other")


@pytest.fixture
def quick(membench, quick_file, tmp_path):
    """A function that runs the quick scenario, and returns the output and the records."""

    def run(*arguments):
        path = tmp_path / "records.json"
        done = membench("run", "quick", "--scenarios", quick_file, "--json", path, *arguments)
        return done.out, json.loads(path.read_text())["runs"]

    return run


@pytest.fixture
def mutex(quick, tiny_twin):
    """A function that runs AgentMem with one lock around the model, and a history that is faster than that."""
    system = ("--backend", "agentmem", "--backend-option", "history=together", "--strategy", "mutex")
    return lambda *arguments: quick(*system, "--model", tiny_twin, "--items", "600", *arguments)


def test_explain_prints_the_verdict_the_time_and_the_locks(mutex):
    out, (run,) = mutex("--clients", "8", "--explain")
    lines = out.splitlines()

    assert f"memories/s, {run['verdict']}" in out
    assert any(line.startswith("  because  ") for line in lines)
    assert any(line.startswith("  next     ") and line.endswith(".") for line in lines)
    assert any(line.startswith("  time     ") and "lock" in line for line in lines)
    assert any(line.startswith("  membench_backends/embedding/strategies/mutex.py:") for line in lines)
    assert any(line.startswith("  stages   ") and "embed" in line for line in lines)


def test_without_explain_only_the_table_has_the_verdict(mutex):
    out, (run,) = mutex("--clients", "2")

    assert out.splitlines()[1].split()[-1] == run["verdict"]
    assert "because" not in out


def test_the_record_states_where_the_time_went(mutex):
    _, (run,) = mutex("--clients", "4", "--repeats", "2")
    (lock,) = [
        lock for lock in run["locks"] if lock["site"].startswith("membench_backends/embedding/strategies/mutex.py:")
    ]

    assert lock["acquisitions"] == run["acknowledged"] == 1200
    assert lock["name"] == "self._lock"
    assert sum(run[share] for share in SHARES) == pytest.approx(1, abs=0.01)
    assert {"tokenise", "embed", "store", "history"} <= set(run["stage_ms"])
    assert run["stage_p99_ms"] is None, "600 operations of a repeat state no p99"
    assert len(run["client_items"]) == len(run["client_longest_ms"]) == 4
    assert 0 <= run["gil_busy"] <= 1


def test_without_metering_the_locks_are_unknown(mutex):
    _, (run,) = mutex("--clients", "4", "--no-metering")

    assert [run[field] for field in ("time_lock", "time_result", "time_other", "locks", "timers")] == [None] * 5
    assert run["time_cpu"] > 0
    assert run["verdict"] not in ("lock-bound", "timer-bound", "gil-bound")
    assert run["stage_ms"]["embed"] > 0


@pytest.mark.parametrize("fair", ["true", "false"])
def test_the_lock_of_a_fair_mutex_is_metered_too(mutex, fair):
    _, (run,) = mutex("--clients", "4", "--strategy-option", f"fair={fair}")
    lock = run["locks"][0]

    assert lock["site"].startswith("membench_backends/embedding/strategies/mutex.py:")
    assert lock["acquisitions"] == 600
    assert lock["contended"] > 0
    assert lock["wait_s"] > 0


def test_six_numbers_of_clients_are_fitted(quick):
    out, runs = quick("--backend", "qdrant", "--clients", "1,2,4,8,16,32", "--items", "2000")

    assert len(runs) == 6
    (line,) = [line for line in out.splitlines() if line.startswith("scaling of quick · qdrant · local")]
    assert "contention " in line or "not fitted: " in line


def test_three_numbers_of_clients_are_not_fitted(quick):
    out, _ = quick("--backend", "null", "--clients", "1,2,3")

    assert "not fitted: a fit needs 6 numbers of clients or more, and there are 3" in out


def test_the_lock_of_mem0s_history_is_named_by_its_line_in_mem0(quick, tiny_twin):
    _, (run,) = quick("--backend", "mem0", "--clients", "8", "--model", tiny_twin, "--items", "200")
    (lock,) = [lock for lock in run["locks"] if lock["site"].startswith("mem0/memory/storage.py:")]

    assert lock["name"] == "self._lock"
    assert lock["acquisitions"] == 200
    assert lock["contended"] > 0
