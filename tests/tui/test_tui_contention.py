"""Client time, locks, verdict and scaling, in Live and in Results."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tui_script import MUTEX_LOCKS, NARROW, WIDE, Stage, contention, lock_use, text_of, tick, until

from membench.analysis.figures import Figures
from membench.messages.run import TimeSplit
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.session.measurement import Measurement
from membench.tui.common import locks, timebar
from membench.tui.common.locks import LockTable
from membench.tui.results.curves import Curves
from membench.tui.results.details import Details
from membench.tui.results.facts import wrapped
from membench.units import format_share

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW, (120, 26), (200, 60)], ids=["wide", "narrow", "low", "large"])
LOW = (contention(locks=(lock_use("membench_backends/systems/agentmem.py:124", 0.2, 0.05, 9.0),), lock_s=0.2),)


def plan_of(**choice: Any) -> Plan:
    known: dict[str, Any] = {"scenarios": ("steady-add",), "backends": ("agentmem",), "clients": (8,)}
    return make_plan(Choice(**(known | choice)), load_catalogue())


async def measure(pilot: Any, stage: Stage, plan: Plan, index: int = 0, **met: Any) -> None:
    """Measure a run of a plan for one second, with one reading of its meters at the end."""
    if not stage.sessions:
        stage.app.run_plan(plan)
        await until(pilot, lambda: stage.sessions)
    stage.session.begin(index)
    for number in range(1, 10):
        stage.session.tick(number)
    stage.session.tick(10, contention=met.get("contention", contention()))
    await until(pilot, lambda: stage.app.snapshot and stage.app.snapshot.runs[index].figures.acknowledged == 120)


async def finish(pilot: Any, stage: Stage, runs: int, items: int = 120) -> None:
    stage.session.finish(items, 1.0)
    await until(pilot, lambda: len(stage.app.finished) == runs)
    stage.app.clear_notifications()
    await pilot.pause()


@SIZES
async def test_live_displays_the_wait_for_each_lock(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "mutex.py:31" in text_of(stage.app))
        seen = text_of(stage.app)
    for words in ("█ lock 82 %", "▒ waiting for a core 5 %", "░ on a core 10 %", "· other 3 %", "held", "longest"):
        assert words in seen
    (row,) = [line for line in seen.splitlines() if "embedding/strategies/mutex.py:31" in line]
    assert "80 %" in row and "96 %" in row and "312 ms" in row
    assert "lock-bound" not in seen


async def test_a_long_site_is_shortened_from_the_left(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "storage.py:15" in text_of(stage.app))
        (row,) = [line for line in text_of(stage.app).splitlines() if "storage.py:15" in line]
    assert "…" in row and "a/package" not in row and "2 %" in row


async def test_a_narrow_live_counts_the_locks_that_do_not_fit(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "mutex.py:31" in text_of(stage.app))
        assert "site, 1 of 3" in text_of(stage.app)


@SIZES
async def test_live_displays_the_verdict_of_a_finished_run(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await finish(pilot, stage, 1)
        await until(pilot, lambda: "lock-bound: clients wait for locks 82 % of their time" in text_of(stage.app))
        seen = text_of(stage.app)
        assert size == NARROW or "→ One lock serialises" in seen
        assert "mutex.py:31" in seen and "core 0" in seen and "82 %" in seen


async def test_live_displays_queue_and_batches(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("queue",)))
        await until(pilot, lambda: "batches of 4.0 · queue p99 8" in text_of(stage.app))


async def test_a_run_waits_for_the_first_meter_reading(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)), contention=None)
        await until(pilot, lambda: "waiting for the first meter reading" in text_of(stage.app))


async def test_a_run_without_metering_has_no_locks(stage: Stage) -> None:
    met = contention(locks=(), time=TimeSplit(8.0, 0.8, 0.4, None, None, 0.0, 100))
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",), metering=False), contention=met)
        await until(pilot, lambda: "locks are not metered in this run" in text_of(stage.app))
        assert "unknown 85 %" in text_of(stage.app)


async def test_a_run_without_waits_lists_the_locks_that_were_held(stage: Stage) -> None:
    met = contention(locks=(lock_use("membench_backends/systems/agentmem.py:124", 0.0, 0.3, 0.0),), lock_s=0.0)
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("shared",)), contention=met)
        await until(pilot, lambda: "clients spend next to no time waiting for locks" in text_of(stage.app))
        (row,) = [line for line in text_of(stage.app).splitlines() if "systems/agentmem.py:124" in line]
        assert "30 %" in row


async def two_runs(pilot: Any, stage: Stage) -> None:
    """Finish a run that waits for nothing and one that waits for a mutex, and select the second in Results."""
    plan = plan_of(strategies=("shared", "mutex"))
    await measure(pilot, stage, plan, contention=LOW[0])
    await finish(pilot, stage, 1)
    await measure(pilot, stage, plan, 1)
    await finish(pilot, stage, 2)
    stage.session.over()
    await until(pilot, lambda: not stage.app.running)
    stage.app.clear_notifications()
    await pilot.press("3", "end")
    await pilot.pause()


@pytest.mark.parametrize("size", [WIDE, (200, 60)], ids=["wide", "large"])
async def test_results_display_the_verdict_with_all_evidence(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await two_runs(pilot, stage)
        await until(pilot, lambda: "lock-bound:" in text_of(stage.app))
        seen = " ".join(text_of(stage.app).replace("│", " ").split())
    for words in (
        *(
            "lock created at membench_backends/embedding/strategies/mutex.py:31 is held",
            "→ One lock serialises",
            "█ lock 82 %",
        ),
        *("contended queue", "312 ms 50 % 7", "embed 60.0 ms (p99 300 ms)", "Jain's index 1.000"),
        *("120 acknowledged, 120 stored, 0 lost", "82 %", "in batches of 4.0, queue p99 8"),
    ):
        assert words in seen


async def test_results_sort_by_the_lock_share(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await two_runs(pilot, stage)
        table = stage.app.screen.query_one("#results")
        await pilot.press("s", "l")
        assert [run.figures.strategy for run in table.rows] == ["mutex", "shared"]


async def test_details_scroll_with_the_keyboard(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await two_runs(pilot, stage)
        await pilot.press("tab", "end")
        await until(pilot, lambda: "/logs/run.log" in text_of(stage.app))


async def scale(pilot: Any, stage: Stage, counts: tuple[int, ...]) -> None:
    """Finish runs of a system that one lock limits to 100 memories per second with any number of clients."""
    plan = plan_of(strategies=("mutex",), clients=counts)
    for index in range(len(counts)):
        await measure(pilot, stage, plan, index)
        await finish(pilot, stage, index + 1, 100)
    await pilot.press("3", "end")
    await pilot.pause()


async def test_scaling_is_fitted_when_the_plan_ends(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4, 8, 16, 32))
        await until(pilot, lambda: "fitted when the plan ends" in text_of(stage.app))
        stage.session.over()
        details = stage.app.screen.query_one("#details-panel", Details)
        await until(pilot, lambda: any("contention 1.00" in line for line in details.scaling), tries=6000)
        words = details.scaling
        await pilot.press("up")
        await pilot.pause()
        assert details.scaling is words


async def test_the_scaling_chart_displays_the_curve_and_its_upper_bound(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4, 8, 16, 32))
        stage.session.over()
        await until(pilot, lambda: not stage.app.running)
        await pilot.press("c", "c")
        await until(pilot, lambda: "Throughput by clients" in text_of(stage.app))
        await until(pilot, lambda: "contention 1.00" in text_of(stage.app), tries=6000)
        seen = text_of(stage.app)
        assert "32 clients" in seen and "100 /s" in seen and "min(N / R1, best found)" in seen
        assert stage.app.screen.query_one(Curves).curves[0].fitted
        await pilot.press("c")
        await until(pilot, lambda: "Throughput by clients" not in text_of(stage.app))


async def test_two_numbers_of_clients_have_no_scaling_chart(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2))
        stage.session.over()
        await until(pilot, lambda: not stage.app.running)
        await pilot.press("c", "c")
        await pilot.pause()
        assert "Throughput by clients" not in text_of(stage.app)


async def test_too_few_numbers_of_clients_explain_the_missing_curve(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4))
        stage.session.over()
        await until(pilot, lambda: "there are 3" in " ".join(text_of(stage.app).split()), tries=6000)


def shares() -> Figures:
    spec = plan_of(strategies=("mutex",)).runs[0]
    times = {"time_cpu": 0.1, "time_runqueue": 0.2, "time_lock": 0.4, "time_result": 0.25, "time_other": 0.05}
    return Figures(**msgspec.structs.asdict(spec), **times)


@pytest.mark.parametrize("width", [10, 53, 55, 112])
def test_the_bar_fills_its_width(width: int) -> None:
    parts = timebar.time_parts(shares())
    pieces = timebar.bar_pieces(parts, width)
    assert sum(len(text) for text, _ in pieces) == width
    assert [text[0] for text, _ in pieces if text][:2] == ["█", "▓"]
    assert len({part.fill for part in parts}) == 5 and len({part.colour for part in parts}) == 5


def test_a_legend_that_does_not_fit_ends_in_an_ellipsis() -> None:
    parts = timebar.time_parts(shares())
    lines = timebar.legend(parts, 55, 2)
    assert len(lines) == 2 and "other 5 %" in lines[1].plain
    (line,) = timebar.legend(parts, 55, 1)
    assert line.plain.endswith("…") and len(line) <= 55


@pytest.mark.parametrize("width", [36, 55, 100])
def test_the_lock_table_fits_its_width(width: int) -> None:
    measurement = Measurement(plan_of(strategies=("mutex",)).runs[0])
    for number in range(1, 11):
        measurement.feed(tick(number, contention=contention()))
    rows = locks.lock_rows(measurement.progress().figures)
    lines = [line.plain for line in locks.draw(rows, width, 3)]
    assert lines[0].startswith("site, 2 of 3") and all(len(line) <= width for line in lines)
    assert ("contended" in lines[0]) == (width >= locks.ALL_COLUMNS_FROM)


def test_a_table_has_no_rows_before_the_meters_are_read() -> None:
    assert locks.lock_rows(Measurement(plan_of(strategies=("mutex",)).runs[0]).progress().figures) == ()
    assert len(MUTEX_LOCKS) == 3 and LockTable().locks == ()


def test_wrapped_items_stay_whole_where_they_can() -> None:
    assert list(wrapped(("one two", "three", "a" * 12), "  ", 9)) == ["one two", "three", "a" * 9, "aaa"]


@pytest.mark.parametrize(
    ("share", "words"), [(None, "–"), (0.0, "0 %"), (0.001, "<1 %"), (0.816, "82 %"), (1.0, "100 %")]
)
def test_shares_as_text(share: float | None, words: str) -> None:
    assert format_share(share) == words
