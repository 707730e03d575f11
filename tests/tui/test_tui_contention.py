"""Where client time goes, the locks, the verdict and the scaling: on Live and on Results."""

from __future__ import annotations

from typing import Any

import pytest
from tui_script import MUTEX_LOCKS, NARROW, WIDE, Stage, contention, lock_use, text_of, until

from membench.analysis.contention import Shares, summarise
from membench.messages.run import TimeSplit
from membench.plan.matrix import Choice, Plan, make_plan
from membench.plan.scenarios import load_catalogue
from membench.tui.common import locks, timebar
from membench.tui.common.locks import LockTable
from membench.tui.common.snapshot import Course, Point, RunView
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
    """A run of a plan that has measured for a second, its meters read at the end of it."""
    if not stage.sessions:
        stage.app.run_plan(plan)
        await until(pilot, lambda: stage.sessions)
    stage.session.begin(index)
    for number in range(1, 10):
        stage.session.tick(number)
    stage.session.tick(10, contention=met.get("contention", contention()))
    await until(pilot, lambda: stage.app.snapshot and stage.app.snapshot.runs[index].course.acknowledged == 120)


async def finish(pilot: Any, stage: Stage, runs: int, items: int = 120) -> None:
    stage.session.finish(items, 1.0)
    await until(pilot, lambda: len(stage.app.finished) == runs)
    stage.app.clear_notifications()
    await pilot.pause()


@SIZES
async def test_live_says_how_much_waits_for_which_lock(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "mutex.py:31" in text_of(stage.app))
        seen = text_of(stage.app)
    for words in ("█ lock 82 %", "▒ waiting for a core 5 %", "░ on a core 10 %", "· other 3 %", "held", "longest"):
        assert words in seen
    (row,) = [line for line in seen.splitlines() if "membench_backends/embedding/strategies/mutex.py:31" in line]
    assert "80 %" in row and "96 %" in row and "312 ms" in row
    assert "lock-bound" not in seen


async def test_a_long_site_is_cut_from_the_left(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "storage.py:15" in text_of(stage.app))
        (row,) = [line for line in text_of(stage.app).splitlines() if "storage.py:15" in line]
    assert "…" in row and "a/package" not in row and "2 %" in row


async def test_a_narrow_live_says_that_it_shows_one_lock_of_several(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await until(pilot, lambda: "mutex.py:31" in text_of(stage.app))
        assert "where, 1 of 3" in text_of(stage.app)


@SIZES
async def test_the_verdict_appears_when_the_run_is_over(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)))
        await finish(pilot, stage, 1)
        await until(pilot, lambda: "lock-bound: clients wait for locks 82 % of their time" in text_of(stage.app))
        seen = text_of(stage.app)
        assert size == NARROW or "→ One lock serialises" in seen
        assert "mutex.py:31" in seen and "core 0" in seen and "82 %" in seen


async def test_queue_and_batches_are_told(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("queue",)))
        await until(pilot, lambda: "batches of 4.0 · queue p99 8" in text_of(stage.app))


async def test_a_run_before_its_meters_are_read_says_so(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",)), contention=None)
        await until(pilot, lambda: "waiting for the first half second" in text_of(stage.app))


async def test_a_run_without_metering_says_so(stage: Stage) -> None:
    met = contention(locks=(), time=TimeSplit(8.0, 0.8, 0.4, None, None, 0.0, 100))
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("mutex",), metering=False), contention=met)
        await until(pilot, lambda: "locks are not metered in this run" in text_of(stage.app))
        assert "not known 85 %" in text_of(stage.app)


async def test_a_run_in_which_nobody_waited_says_so(stage: Stage) -> None:
    met = contention(locks=(lock_use("membench_backends/systems/agentmem.py:124", 0.0, 0.3, 0.0),), lock_s=0.0)
    async with stage.app.run_test(size=WIDE) as pilot:
        await measure(pilot, stage, plan_of(strategies=("shared",)), contention=met)
        await until(pilot, lambda: "no lock was waited for" in text_of(stage.app))
        assert "membench_backends/systems/agentmem.py:124" in text_of(stage.app) and "30 %" in text_of(stage.app)


async def two_runs(pilot: Any, stage: Stage) -> None:
    """A run that waits for nothing, one that waits for a mutex, and Results with the second selected."""
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
async def test_results_give_the_verdict_with_all_that_led_to_it(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await two_runs(pilot, stage)
        await until(pilot, lambda: "lock-bound:" in text_of(stage.app))
        seen = " ".join(text_of(stage.app).replace("│", " ").split())
    for words in (
        *(
            "lock made at membench_backends/embedding/strategies/mutex.py:31 is held",
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
        assert [run.spec.strategy for run in table.rows] == ["mutex", "shared"]


async def test_a_long_story_can_be_scrolled_with_the_keyboard(stage: Stage) -> None:
    async with stage.app.run_test(size=NARROW) as pilot:
        await two_runs(pilot, stage)
        await pilot.press("tab", "end")
        await until(pilot, lambda: "/logs/run.log" in text_of(stage.app))


async def scale(pilot: Any, stage: Stage, counts: tuple[int, ...]) -> None:
    """Runs of a system that one lock holds to 100 memories a second, whatever the number of clients."""
    plan = plan_of(strategies=("mutex",), clients=counts)
    for index in range(len(counts)):
        await measure(pilot, stage, plan, index)
        await finish(pilot, stage, index + 1, 100)
    await pilot.press("3", "end")
    await pilot.pause()


async def test_scaling_is_fitted_when_the_plan_is_over(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4, 8, 16, 32))
        await until(pilot, lambda: "fitted when the plan is over" in text_of(stage.app))
        stage.session.over()
        await until(pilot, lambda: "contention 1.00" in text_of(stage.app), tries=6000)
        words = stage.app.screen.query_one("#details-panel", Details).scaling
        await pilot.press("up")
        await pilot.pause()
        assert stage.app.screen.query_one("#details-panel", Details).scaling is words


async def test_the_scaling_chart_shows_the_curve_and_what_is_possible(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4, 8, 16, 32))
        stage.session.over()
        await until(pilot, lambda: not stage.app.running)
        await pilot.press("c", "c")
        await until(pilot, lambda: "Throughput over clients" in text_of(stage.app))
        await until(pilot, lambda: "contention 1.00" in text_of(stage.app), tries=6000)
        seen = text_of(stage.app)
        assert "32 clients" in seen and "100 /s" in seen and "min(N / R1, limit)" in seen
        assert stage.app.screen.query_one(Curves).curves[0].fitted
        await pilot.press("c")
        await until(pilot, lambda: "Throughput over clients" not in text_of(stage.app))


async def test_two_numbers_of_clients_have_no_scaling_chart(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2))
        stage.session.over()
        await until(pilot, lambda: not stage.app.running)
        await pilot.press("c", "c")
        await pilot.pause()
        assert "Throughput over clients" not in text_of(stage.app)


async def test_too_few_numbers_of_clients_say_why_there_is_no_curve(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await scale(pilot, stage, (1, 2, 4))
        stage.session.over()
        await until(pilot, lambda: "there are 3" in " ".join(text_of(stage.app).split()), tries=6000)


@pytest.mark.parametrize("width", [10, 53, 55, 112])
def test_the_bar_is_as_wide_as_it_is_told(width: int) -> None:
    parts = timebar.parts_of(Shares(0.1, 0.2, 0.4, 0.25, 0.05))
    pieces = timebar.bar_of(parts, width)
    assert sum(len(text) for text, _ in pieces) == width
    assert [text[0] for text, _ in pieces if text][:2] == ["█", "▓"]
    assert len({part.fill for part in parts}) == 5 and len({part.colour for part in parts}) == 5


def test_words_of_the_bar_that_do_not_fit_end_in_an_ellipsis() -> None:
    parts = timebar.parts_of(Shares(0.1, 0.2, 0.4, 0.25, 0.05))
    lines = timebar.in_lines(parts, 55, 2)
    assert len(lines) == 2 and "other 5 %" in lines[1].plain
    (line,) = timebar.in_lines(parts, 55, 1)
    assert line.plain.endswith("…") and len(line) <= 55


@pytest.mark.parametrize("width", [36, 55, 100])
def test_the_lock_table_fits_its_width(width: int) -> None:
    spec = plan_of(strategies=("mutex",)).runs[0]
    course = Course(points=(Point(1.0, 1.0, 1, (50.0,)),), contention=summarise([contention()]))
    lines = [line.plain for line in locks.draw(locks.rows_of(RunView(0, spec, course=course)), width, 3)]
    assert lines[0].startswith("where, 2 of 3") and all(len(line) <= width for line in lines)
    assert ("contended" in lines[0]) == (width >= locks.WORDY)


def test_a_table_has_no_rows_before_the_meters_are_read() -> None:
    assert locks.rows_of(RunView(0, plan_of(strategies=("mutex",)).runs[0])) == ()
    assert len(MUTEX_LOCKS) == 3 and LockTable().locks == ()


def test_wrapped_items_stay_whole_where_they_can() -> None:
    assert list(wrapped(("one two", "three", "a" * 12), "  ", 9)) == ["one two", "three", "a" * 9, "aaa"]


@pytest.mark.parametrize(
    ("share", "words"), [(None, "–"), (0.0, "0 %"), (0.001, "<1 %"), (0.816, "82 %"), (1.0, "100 %")]
)
def test_shares_in_words(share: float | None, words: str) -> None:
    assert format_share(share) == words
