"""The memory that a run needs, and what a plan says about it."""

from __future__ import annotations

import pytest

from membench.machine import memory as machine_memory
from membench.plan import memory
from membench.plan.checks import PlanError
from membench.plan.memory import MEMORY_BYTES, need_of
from membench.report.wording import COMMAND_LINE, DASHBOARD
from membench.units import format_bytes

GB = 10**9


@pytest.fixture
def available(monkeypatch):
    """Set the memory that is available."""
    return lambda count: monkeypatch.setattr(memory, "available_memory", lambda: count)


def test_the_need_grows_with_what_a_run_does(spec):
    small, large = need_of(spec(items=1000)), need_of(spec(items=1_000_000))

    assert large.total - small.total >= 999_000 * MEMORY_BYTES
    assert need_of(spec(clients=1000)).total > need_of(spec(clients=1)).total
    assert need_of(spec(warmup_items=1_000_000)).total > GB
    assert need_of(spec(store=None, model=None, items=10_000_000)).total < GB / 10


def test_the_schedule_of_an_open_loop_counts(spec):
    run = spec(duration_s=100.0, target_operations_per_s=10_000.0, arrivals="poisson")

    assert need_of(run).memories == 1_000_000
    assert need_of(run).schedule > 0


def test_the_texts_of_a_file_count(spec, tmp_path):
    from membench.spec.corpus import parse_corpus

    (tmp_path / "a.txt").write_text(("x" * 100_000 + "\n") * 100)

    assert need_of(spec(corpus=parse_corpus(str(tmp_path / "a.txt")))).total > need_of(spec()).total + 10_000_000


def test_a_run_that_cannot_be_held_is_refused_with_the_sum(plan_of, available):
    available(3 * GB)
    with pytest.raises(PlanError) as caught:
        plan_of("quick", items=10_000_000, backends=("qdrant",))
    command_line, dashboard = COMMAND_LINE.plan_error(caught.value), DASHBOARD.plan_error(caught.value)

    assert command_line.startswith("a run needs about ")
    assert "(10,000,0" in command_line
    assert command_line.endswith(" of 3.00 GB available; lower --items, --clients or the corpus")
    assert dashboard.endswith("; lower items, clients or the corpus")
    assert len(command_line) < 280


def test_a_run_that_needs_much_has_a_note(plan_of, available):
    need = need_of(plan_of("quick", items=100_000, backends=("qdrant",)).runs[0]).total
    for factor, notes in ((2.1, []), (1.5, ["much_memory"])):
        available(int(need * factor))
        plan = plan_of("quick", items=100_000, backends=("qdrant",))
        assert [note.name for note in plan.notes] == notes
    assert COMMAND_LINE.fact(plan.notes[0]).startswith(f"a run needs about {format_bytes(need)} of memory")


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "max", "memory.current": "5", "memory.stat": "inactive_file 1"}, None),
        ({"memory.max": "100", "memory.current": "70", "memory.stat": "anon 3\ninactive_file 20"}, 50),
        ({"memory.limit_in_bytes": "100", "memory.usage_in_bytes": "70", "memory.stat": "total_inactive_file 5"}, 35),
        ({}, None),
    ],
)
def test_a_control_group_limits_the_memory(tmp_path, monkeypatch, files, left):
    import psutil

    for name, content in files.items():
        (tmp_path / name).write_text(f"{content}\n")
    monkeypatch.setattr(machine_memory, "own_cgroups", lambda controller: [tmp_path])
    expected = psutil.virtual_memory().total if left is None else left
    assert machine_memory.available_memory() <= expected
    assert left is None or machine_memory.available_memory() == left


def test_bytes_have_three_digits():
    assert [format_bytes(count) for count in (0, 850, 4_800, 999_600, 21_300_000_000)] == [
        "0 B",
        "850 B",
        "4.80 kB",
        "1.00 MB",
        "21.3 GB",
    ]
