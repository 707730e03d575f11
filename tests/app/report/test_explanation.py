"""The explanation of a run: a record with every figure, one without any, and what lies between."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact
from membench.messages.run import LockUse
from membench.report.explanation import BAR_WIDTH, explain_run
from membench.report.exports import to_markdown
from membench.report.remarks import STATUS_MARKS, remarks
from membench.session.measurement import Measurement

MUTEX = LockUse(
    site="membench_backends/embedding/strategies/mutex.py:31", name="self._lock", acquisitions=100, contended=88,
    wait_s=62.4, hold_s=9.0, longest_wait_ms=250.0, longest_queue=7,
)  # fmt: skip
LONG_SITE = "a/very/long/way/down/into/some/package/of/somebody/else.py:1234"
LOCKS = (
    MUTEX,
    msgspec.structs.replace(MUTEX, site=LONG_SITE, contended=200, wait_s=1.0),
    *(msgspec.structs.replace(MUTEX, site=f"more.py:{line}", contended=0, wait_s=0.0) for line in range(9)),
)


@pytest.fixture
def bare(spec):
    """A record of a run that never measured anything."""
    return Measurement(spec()).record("crashed", "the runner was killed by SIGKILL")


@pytest.fixture
def full(bare):
    """A record with every figure that an explanation states."""
    return msgspec.structs.replace(
        bare, status="ok", error=None, clients=8, memories_per_s=131.4, acknowledged=1314, measured_s=10.0,
        client_time_s=80.0, verdict="lock-bound",
        verdict_evidence=(Fact("lock_wait", {"share": 0.78}), Fact("cores_busy", {"share": 0.51})),
        verdict_advice=Advice("replace_strategy", {"strategy": "shared"}),
        time_cpu=0.13, time_runqueue=0.02, time_lock=0.78, time_result=0.0, time_other=0.07, harness_share=0.01,
        fairness_jain=0.75, client_longest_ms=(10.0, 1540.0), locks=LOCKS,
        stage_ms={"embed": 60.0, "store": 0.4}, stage_p99_ms={"embed": 900.0},
    )  # fmt: skip


def test_a_full_record_is_explained_in_full(full):
    lines = list(explain_run(full))
    text = "\n".join(lines)

    assert lines[0].endswith("131 memories/s, lock-bound")
    assert "  because  clients wait for locks 78 % of their time; the run uses 51 % of the cores" in lines
    assert "  next     One lock serialises every embedding: try --strategy shared, or one that batches." in lines
    assert "Jain's index 0.750" in text
    assert "10.0 ms to 1.54 s" in text
    assert "embed 60.0 ms (p99 900 ms)" in text
    assert lines[-1].endswith("store 400 µs")
    assert "suspect" not in text


def test_the_sentences_of_an_older_record_are_shown_as_they_are(full):
    older = msgspec.structs.replace(full, verdict_evidence=("clients wait a lot",), verdict_advice="Try shared.")
    lines = list(explain_run(older))

    assert "  because  clients wait a lot" in lines
    assert "  next     Try shared." in lines


def test_the_bar_is_drawn_to_scale(full):
    (line,) = [line for line in explain_run(full) if line.startswith("  time")]
    bar = line.split()[1]

    assert {fill: bar.count(fill) for fill in "█▒░·"} == {"█": 39, "▒": 1, "░": 6, "·": 4}
    assert "▓" not in bar
    assert len(bar) == pytest.approx(BAR_WIDTH, abs=2)
    assert "lock 78 %" in line
    assert "result" not in line


def test_the_locks_are_a_table(full):
    header, *rows = [line for line in explain_run(full) if ".py:" in line or line.startswith("  locks")]

    assert header.split() == ["locks", "wait", "held", "locks", "contended", "longest", "queue"]
    # The wait is a share of the 80 s of client time, and the hold one of the 10 s measured.
    assert rows[0].split() == [
        "membench_backends/embedding/strategies/mutex.py:31",
        "78",
        "%",
        "90",
        "%",
        "–",
        "88",
        "%",
        "250",
        "ms",
        "7",
    ]
    assert rows[1].startswith("  …")
    assert "else.py:1234" in rows[1]
    assert "100 %" in rows[1]  # never more, although an acquisition in progress already counts as a wait
    assert len(rows) == 5
    assert len({len(row) for row in rows}) == 1


def test_a_record_without_figures_is_explained_without_them(bare):
    lines = list(explain_run(bare))

    assert lines[0].endswith("– memories/s, crashed")
    assert lines[1:] == ["  the runner was killed by SIGKILL"]


@pytest.mark.parametrize(
    "missing",
    [
        {"time_runqueue": None, "time_other": None},
        {"time_lock": None, "time_result": None, "time_other": None, "locks": None},
        {"locks": (), "stage_ms": {}, "stage_p99_ms": None},
        {"stage_p99_ms": None, "client_longest_ms": None, "measured_s": None},
        {"client_time_s": None},
    ],
)
def test_any_figure_may_be_missing(full, missing):
    text = "\n".join(explain_run(msgspec.structs.replace(full, **missing)))

    assert "None" not in text
    assert "lock-bound" in text


@pytest.mark.parametrize(
    ("changes", "is_suspect"),
    [
        ({"little_ratio": 0.96}, True),
        ({"little_ratio": 0.98}, False),
        ({"little_ratio": 1.02}, False),
        ({"little_ratio": 1.04}, True),
        ({"little_ratio": None, "harness_share": 0.6}, False),
        ({"little_ratio": 0.4, "verdict": "harness-bound"}, False),
        ({"little_ratio": 0.4, "errors": 4}, True),
    ],
)
def test_a_run_that_violates_littles_law_is_suspect(full, changes, is_suspect):
    lines = list(explain_run(msgspec.structs.replace(full, **changes)))

    assert any(line.startswith("  suspect") for line in lines) == is_suspect


def line_of(record, label):
    """The text after a label, or None."""
    prefix = f"  {label:<9}"
    return next((line.removeprefix(prefix) for line in explain_run(record) if line.startswith(prefix)), None)


def test_percentiles_that_cannot_be_stated_are_dashes_next_to_the_maximum(full):
    few = msgspec.structs.replace(full, latency_p50_ms=7.81, latency_max_ms=1540.0)

    assert line_of(few, "latency") == "p50 7.81 ms  p90 –  p99 –  p99.9 –  max 1.54 s"


@pytest.mark.parametrize(
    ("changes", "is_starved"),
    [
        ({"client_items": (10, 30, 50)}, True),  # a third of the mean
        ({"client_items": (16, 30, 44)}, False),
        ({"client_items": (20, 20, 80), "fairness_jain": 0.67}, True),
        ({"client_items": (10, 30, 50), "target_operations_per_s": 50.0}, False),
        ({"client_items": (10, 30, 50), "duration_s": None, "items": 90}, False),  # failures, not starvation
        ({"client_items": None}, False),
    ],
)
def test_clients_that_were_starved_are_named_next_to_the_percentiles(full, changes, is_starved):
    run = msgspec.structs.replace(
        full, **{"items": None, "duration_s": 5.0, "clients": 3, "client_longest_ms": (1540.0, 10.0, 9.0),
                 "fairness_jain": 0.95, "latency_max_ms": 1540.0} | changes
    )  # fmt: skip
    said = [line.strip() for line in explain_run(run) if "starved" in line]

    assert bool(said) == is_starved
    if changes == {"client_items": (10, 30, 50)}:
        assert said == ["starved clients are hardly in these: client 0 added 10 memories, the mean is 30.0; "
                        "its longest operation took 1.54 s"]  # fmt: skip


@pytest.mark.parametrize(
    ("latencies", "text"),
    [
        ({"error_latency_p50_ms": 30.0}, "12 operations failed after 30.0 ms in the median, at most 1.20 s"),
        ({}, "12 operations failed after 40.0 ms on average, at most 1.20 s"),
        ({"error_latency_max_ms": None}, "12 operations failed"),
    ],
)
def test_failures_are_explained_with_their_latencies(full, latencies, text):
    known = {"error_latency_mean_ms": 40.0, "error_latency_max_ms": 1200.0}

    assert line_of(msgspec.structs.replace(full, errors=12, **known | latencies), "errors") == text
    assert line_of(full, "errors") is None


def test_clients_that_were_not_busy_are_explained(full):
    few = msgspec.structs.replace(
        full, effective_concurrency=6.0, finished_early_share=0.2, target_operations_per_s=None
    )

    assert line_of(few, "clients") == (
        "6.0 of 8 clients busy on average: 20 % of their time was after they had finished, while others still worked, "
        "5 % was between operations"
    )
    busy = msgspec.structs.replace(few, effective_concurrency=7.9, finished_early_share=0.01)
    assert line_of(busy, "clients") == "7.9 of 8 clients busy on average"


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ({}, "9 acknowledged, 8 stored, 1 lost, 0 duplicated, 0 corrupted; not checked: users, history"),
        (
            {"misplaced": 2, "history_missing": 3, "store_reopened": True},
            "9 acknowledged, 8 stored, 1 lost, 0 duplicated, 0 corrupted, 2 under another user, "
            "3 missing from the history; read back from the reopened store",
        ),
    ],
)
def test_the_audit_says_what_it_checked(full, checks, text):
    audited = msgspec.structs.replace(full, acknowledged=9, stored=8, lost=1, duplicated=0, corrupted=0, **checks)

    assert line_of(audited, "audit") == text
    assert line_of(full, "audit") is None


def test_an_open_loop_that_ran_out_of_clients_says_so(full):
    late = msgspec.structs.replace(
        full, effective_concurrency=25.0, due_not_started=1250, target_operations_per_s=100.0
    )

    assert "ran out of clients: 1,250 operations were due but never started" in line_of(late, "clients")
    late = msgspec.structs.replace(late, latency_p50_ms=500.0, latency_max_ms=1000.0)
    assert line_of(late, "latency") == "p50 ≥ 500 ms  p90 –  p99 –  p99.9 –  max ≥ 1.00 s"
    assert "| ≥ 500 ms | – | ≥ 1.00 s |" in to_markdown([late]).decode()
    assert any("ran out of clients: 1,250 operations" in line for line in remarks([late]))


@pytest.mark.parametrize("changes", [{"status": "errors"}, {"status": "failed", "lost": 3}])
def test_a_rate_that_means_nothing_is_marked_wherever_it_is_shown(full, changes):
    void = msgspec.structs.replace(full, **changes)
    mark = STATUS_MARKS[void.status]

    assert f": 131 {mark} memories/s" in next(explain_run(void))
    assert f"| 131 {mark} |" in to_markdown([void]).decode()
    assert "| 131 |" in to_markdown([full]).decode()


def test_latencies_that_add_up_to_more_than_the_clients_are_a_bug_that_is_reported(full):
    wrong = msgspec.structs.replace(full, little_ratio=1.1)

    assert any("1.10 x the clients at work, so latencies are recorded wrongly" in line for line in remarks([wrong]))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.87, "87 % of the best rate found for this machine"),
        (1.08, "108 % of the best rate found for this machine: measure the limit again (membench-tui limit)"),
    ],
)
def test_a_run_above_the_best_rate_found_says_so(full, share, text):
    record = msgspec.structs.replace(full, limit_memories_per_s=100.0, limit_share=share)

    assert f"  best     {text}" in list(explain_run(record))
    assert any(text in line for line in remarks([record])) == (share > 1)
