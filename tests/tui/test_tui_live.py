"""Live: what it displays of a run, and its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tui_script import NARROW, WIDE, Stage, notes_of, text_of, until

from membench.messages.run import Auditing, Loading
from membench.tui.common.chart import Chart
from membench.tui.common.dialogs import Log, Question
from membench.tui.common.engine import Drawing
from membench.tui.common.histogram import Histogram
from membench.tui.common.keybar import KeyBar
from membench.tui.common.snapshot import Snapshot
from membench.tui.common.table import RunTable
from membench.tui.live.figure import Figure
from membench.tui.live.screen import LiveScreen
from membench.units import format_rate

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


async def begin(pilot: Any, stage: Stage) -> None:
    """Run the plan with enter, up to the tenth tick of its first run."""
    await pilot.press("enter")
    await until(pilot, lambda: stage.app.current_mode == "live" and stage.sessions)
    stage.session.begin(0)
    for number in range(1, 11):
        stage.session.tick(number)
    await until(pilot, lambda: shown(stage) == 120)


def shown(stage: Stage) -> int | None:
    """Return the acknowledged memories of the first run in the snapshot that Live displays."""
    screen = stage.app.screen
    assert isinstance(screen, LiveScreen)
    return acknowledged(screen.snapshot) if screen.snapshot else None


def acknowledged(snapshot: Snapshot, index: int = 0) -> int | None:
    return snapshot.runs[index].figures.acknowledged


def current_rate(snapshot: Snapshot) -> float | None:
    progress = snapshot.runs[0].progress
    return progress.memories_per_s_now if progress else None


@SIZES
async def test_live_displays_figures(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await begin(pilot, stage)
        seen = text_of(stage.app)
    for words in ("mean", "120", "p50", "p99.9", "70.", "ms", "96 %", "/s", "Repeat 1 of", "measuring"):
        assert words in seen


async def test_the_stage_is_displayed_while_nothing_is_measured(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.sessions)
        stage.session.start(0)
        stage.session.send(Loading(stage="loading BAAI/bge-small-en-v1.5"))
        await until(pilot, lambda: "loading BAAI/bge-small-en-v1.5 …" in text_of(stage.app))
        stage.session.send(Auditing())
        await until(pilot, lambda: "reading the store back" in text_of(stage.app))


async def test_frozen_charts_do_not_change_and_then_catch_up(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        await pilot.press("space")
        stage.session.tick(11)
        await until(pilot, lambda: stage.app.snapshot and acknowledged(stage.app.snapshot) == 132)
        assert shown(stage) == 120 and "frozen" in text_of(stage.app)
        await pilot.press("space")
        await until(pilot, lambda: shown(stage) == 132)


async def test_skip_ends_the_run_and_keeps_its_record(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        await pilot.press("s")
        await until(pilot, lambda: "partial" in text_of(stage.app))
        assert stage.session.calls == ["skip"]
        assert stage.app.finished[0].record and stage.app.finished[0].record.acknowledged == 120


async def test_stop_asks_once(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(stage.app.screen, Question))
        await pilot.press("escape")
        assert stage.session.calls == []
        await pilot.press("x", "enter")
        await until(pilot, lambda: not stage.app.running)
        assert stage.session.calls == ["stop"]


@SIZES
async def test_a_crash_is_displayed_with_its_reason(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await begin(pilot, stage)
        stage.session.end("crashed", "the runner was killed by SIGSEGV; its log is /logs/run.log")
        await until(pilot, lambda: stage.app.finished)
        stage.app.clear_notifications()
        await until(pilot, lambda: "killed by SIGSEGV" in text_of(stage.app))
        assert "✗" in text_of(stage.app) and "crashed" in text_of(stage.app)


async def test_a_failure_of_the_engine_is_a_notification(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        stage.session.over(RuntimeError("the pipe broke"))
        await until(pilot, lambda: "RuntimeError: the pipe broke" in notes_of(stage.app))
        assert not stage.app.running


async def test_live_draws_the_selected_run_until_f_follows_again(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        stage.session.finish(120, 1.0)
        stage.session.begin(1)
        stage.session.tick(1)
        await until(pilot, lambda: stage.app.screen.query_one(RunTable).cursor == 1)
        await pilot.press("up")
        stage.session.tick(2)
        await until(pilot, lambda: stage.app.snapshot and acknowledged(stage.app.snapshot, 1) == 24)
        assert stage.app.screen.query_one(RunTable).cursor == 0
        await pilot.press("f")
        assert stage.app.screen.query_one(RunTable).cursor == 1


async def test_a_terminal_that_is_too_small_says_so_and_recovers(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        await pilot.resize_terminal(60, 15)
        await until(pilot, lambda: "needs 80 x 24" in " ".join(text_of(stage.app).split()))
        stage.session.tick(11)
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: "p99.9" in text_of(stage.app) and shown(stage) == 132)


async def test_l_shows_the_log_of_the_run(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"a warning\x1b[2J of a library\n")
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.sessions)
        stage.session.start(0, log)
        await until(pilot, lambda: stage.app.snapshot and stage.app.snapshot.runs[0].log)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(stage.app.screen, Log))
        await until(pilot, lambda: "a warning of a library" in text_of(stage.app))


async def test_a_notification_reports_the_end_of_the_plan_and_the_app_stays_open(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        stage.session.finish(120, 1.0)
        stage.session.over()
        await until(pilot, lambda: "The plan has ended" in notes_of(stage.app))
        await pilot.press("3")
        await until(pilot, lambda: stage.app.current_mode == "results")
        assert "120 acknowledged, 120 stored, 0 lost" in text_of(stage.app)


async def test_quitting_stops_the_session(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        await pilot.press("q")
    assert stage.app.return_code == 0
    stage.app.runs.close()
    assert stage.session.calls == ["stop"]


async def test_only_the_rate_changes_between_full_redraws(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        screen = stage.app.screen
        monkeypatch.setattr(Drawing, "full_update_every_s", 1e9)
        before = screen.query_one(Histogram).latencies
        stage.session.tick(11, items=500, latency_ms=3.0)
        await until(pilot, lambda: shown(stage) == 620)
        assert stage.app.snapshot
        assert screen.query_one(Figure).value == format_rate(current_rate(stage.app.snapshot))
        assert screen.query_one(Histogram).latencies == before and "120 of 50 acknowledged" in text_of(stage.app)
        stage.session.finish(items=620)
        await until(pilot, lambda: "620 of 50 acknowledged" in text_of(stage.app))
        assert screen.query_one(Histogram).latencies != before


async def test_the_chart_is_redrawn_after_half_a_second(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        monkeypatch.setattr(Drawing, "full_update_every_s", 1e9)
        chart = stage.app.screen.query_one(Chart)
        for number, drawn in ((11, 10), (12, 10), (13, 10), (14, 10), (15, 15), (16, 15)):
            stage.session.tick(number)
            await until(pilot, lambda number=number: measured(stage) == pytest.approx(number / 10))
            assert len(chart.curve.points) == drawn


def measured(stage: Stage) -> float:
    """Return the measured seconds of the first run in the snapshot that Live displays."""
    screen = stage.app.screen
    assert isinstance(screen, LiveScreen) and screen.snapshot
    return screen.snapshot.runs[0].measured_s


async def test_clicking_a_key_runs_its_action(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        line = text_of(stage.app).splitlines()[-1]
        await pilot.click(offset=(line.index("s Skip"), WIDE[1] - 1))
        await until(pilot, lambda: stage.session.calls == ["skip"])


@pytest.mark.parametrize(("width", "end"), [(120, "q Quit"), (80, "q Quit"), (70, "…"), (40, "…")])
async def test_keys_that_do_not_fit_end_in_an_ellipsis(stage: Stage, width: int, end: str) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        bar = stage.app.screen.query_one(KeyBar)
        drawn = bar.line(width).plain
        assert drawn.endswith(end) and len(drawn) <= width
