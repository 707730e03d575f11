"""Pictures of the places, looked at once and compared ever since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tui_script import NARROW, WIDE, Stage, contention, lock_use, until

Compare = Callable[..., bool]
FREE = contention(locks=(lock_use("backends/agentmem.py:124", 0.2, 0.05, 9.0),), lock_s=0.2)


def mid_plan(stage: Stage) -> Callable[[Any], Any]:
    """One run over, one measuring, the others waiting."""

    async def act(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: stage.sessions)
        session = stage.session
        session.begin(0)
        for number in range(1, 21):
            session.tick(number, 12 + number % 3, 70.0, FREE if number % 5 == 0 else None)
        session.finish(260, 2.0)
        session.begin(1)
        for number in range(1, 16):
            session.tick(number, 8 + number % 4, 100.0 + 9 * number, contention() if number % 5 == 0 else None)
        await until(pilot, lambda: stage.app.snapshot and len(stage.app.snapshot.runs[1].course.points) == 15)
        await until(pilot, lambda: stage.app.screen.query_one("#runs").cursor == 1)

    return act


class TestPlaces:
    def test_plan(self, stage: Stage, snap_compare: Compare) -> None:
        """Plan with the built-in comparison ticked."""
        assert snap_compare(stage.app, terminal_size=WIDE)

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_live(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Live: charts of the second run, the first as a grey line behind it."""
        assert snap_compare(stage.app, terminal_size=size, run_before=mid_plan(stage))

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_live_over(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Live: the verdict of the run that was waited for."""

        async def act(pilot: Any) -> None:
            await mid_plan(stage)(pilot)
            stage.session.finish(120, 1.5)
            stage.session.over()
            await until(pilot, lambda: not stage.app.running)
            stage.app.clear_notifications()

        assert snap_compare(stage.app, terminal_size=size, run_before=act)

    def test_results(self, stage: Stage, snap_compare: Compare) -> None:
        """Results: one that crashed and says why, beside one that went well."""

        async def act(pilot: Any) -> None:
            await mid_plan(stage)(pilot)
            stage.session.end("crashed", "the runner was killed by SIGSEGV; its log is /logs/run.log")
            stage.session.over()
            await until(pilot, lambda: not stage.app.running)
            stage.app.clear_notifications()
            await pilot.press("3", "space", "down")
            await until(pilot, lambda: stage.app.screen.query_one("#results").cursor == 1)

        assert snap_compare(stage.app, terminal_size=WIDE, run_before=act)
