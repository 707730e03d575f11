"""Results in words: a record full of figures, one without any, and how a plan scales."""

from __future__ import annotations

import msgspec
import pytest

from membench.report.explanation import BAR_WIDTH, explain_run, explain_scaling, scaling_groups
from membench.session.measurement import Measurement

LOCKS = [
    {
        "site": site, "name": "self._lock", "acquisitions": 100, "contended": contended, "wait_s": wait_s,
        "hold_s": 9.0, "longest_wait_ms": 250.0, "longest_queue": 7,
    }
    for site, contended, wait_s in (
        ("membench_backends/embedding/strategies/mutex.py:31", 88, 62.4),
        ("a/very/long/way/down/into/some/package/of/somebody/else.py:1234", 200, 1.0),
        *((f"more.py:{line}", 0, 0.0) for line in range(9)),
    )
]  # fmt: skip


@pytest.fixture
def bare(spec):
    """A record of a run that never measured anything."""
    return Measurement(spec()).record("crashed", "the runner was killed by SIGKILL")


@pytest.fixture
def full(bare):
    """A record that has every figure that is told."""
    return msgspec.structs.replace(
        bare, status="ok", error=None, clients=8, memories_per_s=131.4, acknowledged=1314, measured_s=10.0,
        verdict="lock-bound", verdict_evidence=["clients wait a lot", "cores 51% busy"], verdict_advice="Try shared.",
        time_cpu=0.13, time_runqueue=0.02, time_lock=0.78, time_result=0.0, time_other=0.07, harness_share=0.01,
        fairness_jain=0.75, client_longest_ms=(10.0, 1540.0), locks=LOCKS,
        stage_ms={"embed": 60.0, "store": 0.4}, stage_p99_ms={"embed": 900.0},
    )  # fmt: skip


def test_a_full_record_is_told_in_full(full):
    lines = list(explain_run(full))
    text = "\n".join(lines)

    assert lines[0].endswith("131 ops/s, lock-bound")
    assert "  because  clients wait a lot; cores 51% busy" in lines
    assert "  next     Try shared." in lines
    assert "Jain's index 0.750" in text
    assert "10.0 ms to 1.54 s" in text
    assert "embed 60.0 ms (p99 900 ms)" in text
    assert "store 400 µs (p99 –)" in text
    assert "suspect" not in text


def test_precisions_and_embedders_are_curves_of_their_own(full):
    replace = msgspec.structs.replace
    runs = [replace(full, clients=clients, memories_per_s_repeats=(100.0,)) for clients in (1, 2)]
    others = [
        *(replace(run, precision="int8") for run in runs),
        *(replace(run, strategy=None, precision=None, embedder="fixed") for run in runs),
    ]

    assert list(scaling_groups([*runs, *others])) == [
        "quick · mem0 · mutex · local",
        "quick · mem0 · mutex · int8 · local",
        "quick · mem0 · fixed embedder · local",
    ]


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
    assert "100 %" in rows[1]  # never more, though an acquisition under way counts as a wait already
    assert len(rows) == 5
    assert len({len(row) for row in rows}) == 1


def test_a_record_without_figures_is_told_without_them(bare):
    lines = list(explain_run(bare))

    assert lines[0].endswith("– ops/s, crashed")
    assert lines[1:] == ["  the runner was killed by SIGKILL"]


@pytest.mark.parametrize(
    "missing",
    [
        {"time_runqueue": None, "time_other": None},
        {"time_lock": None, "time_result": None, "time_other": None, "locks": None},
        {"locks": [], "stage_ms": {}, "stage_p99_ms": None},
        {"stage_p99_ms": None, "client_longest_ms": None, "measured_s": None},
    ],
)
def test_any_figure_may_be_missing(full, missing):
    text = "\n".join(explain_run(msgspec.structs.replace(full, **missing)))

    assert "None" not in text
    assert "lock-bound" in text


@pytest.mark.parametrize(
    ("changes", "suspect"),
    [
        ({"harness_share": 0.04}, True),
        ({"harness_share": 0.02}, False),
        ({"harness_share": None}, False),
        ({"harness_share": 0.6, "verdict": "harness-bound"}, False),
        ({"harness_share": 0.6, "loop": "open"}, False),
        ({"harness_share": 0.6, "errors": 4}, False),
    ],
)
def test_a_run_that_breaks_littles_law_is_suspect(full, changes, suspect):
    lines = list(explain_run(msgspec.structs.replace(full, **changes)))

    assert any(line.startswith("  suspect") for line in lines) == suspect


def scaled(full, clients=(1, 2, 4, 8, 16, 32), contention=0.2, **changes):
    return [
        msgspec.structs.replace(
            full, clients=n, memories_per_s_repeats=(100 * n / (1 + contention * (n - 1)),) * 3, **changes
        )
        for n in clients
    ]


def test_runs_that_differ_in_more_than_clients_are_apart(full):
    records = [
        *scaled(full, threads=1),
        *scaled(full, threads=2),
        *scaled(full, threads=1, store="edge"),
        *scaled(full, threads=1, strategy="shared"),
    ]
    groups = scaling_groups(records)

    assert len(groups) == 4
    assert all(list(points) == [1, 2, 4, 8, 16, 32] for points in groups.values())


def test_only_closed_loops_that_went_well_count(full):
    assert scaling_groups(scaled(full, status="failed") + scaled(full, loop="open")) == {}
    assert scaling_groups(scaled(full, clients=(8,))) == {}


def test_a_plan_with_enough_numbers_of_clients_is_fitted(full):
    first, *lines = explain_scaling(scaled(full))

    assert "contention 0.20 (0.20 to 0.20)" in first
    rows = {line[:34].strip(): line[34:].split() for line in lines}
    assert rows["clients"] == ["1", "2", "4", "8", "16", "32"]
    assert rows["serial share (Karp-Flatt)"] == ["–"] + ["0.20"] * 5
    assert rows["measured, ops/s"] == rows["fitted"]
    assert rows["bound, min(N / R1, limit)"][:2] == ["100", "200"]


def test_the_limit_is_in_the_bound(full):
    lines = list(explain_scaling(scaled(full, limit_memories_per_s=300.0)))
    (bound,) = [line for line in lines if "bound" in line]

    assert bound[34:].split() == ["100", "200", "300", "300", "300", "300"]


def test_too_few_numbers_of_clients_are_told_why(full):
    (line,) = explain_scaling(scaled(full, clients=(1, 2, 4)))

    assert "not fitted: a fit needs 6 numbers of clients or more, and there are 3" in line
    assert list(explain_scaling(scaled(full, clients=(1, 8)))) == []
