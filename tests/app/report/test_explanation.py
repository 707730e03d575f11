"""The explanation of a run: a record with every figure, one without any, and what lies between."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact
from membench.messages.run import LockUse
from membench.report.explanation import BAR_WIDTH, explain_run
from membench.report.remarks import remarks
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

    assert header.split() == ["locks", "wait", "held", "contended", "longest", "queue"]
    # The wait is a share of the 80 s of client time, and the hold one of the 10 s measured.
    assert rows[0].split() == [
        "membench_backends/embedding/strategies/mutex.py:31",
        "78",
        "%",
        "90",
        "%",
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
        ({"harness_share": 0.04}, True),
        ({"harness_share": 0.02}, False),
        ({"harness_share": None}, False),
        ({"harness_share": 0.6, "verdict": "harness-bound"}, False),
        ({"harness_share": 0.6, "target_operations_per_s": 50.0}, False),
        ({"harness_share": 0.6, "errors": 4}, False),
    ],
)
def test_a_run_that_violates_littles_law_is_suspect(full, changes, is_suspect):
    lines = list(explain_run(msgspec.structs.replace(full, **changes)))

    assert any(line.startswith("  suspect") for line in lines) == is_suspect


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
