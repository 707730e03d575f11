"""Screenshots of the places, compared with approved ones."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tui_script import NARROW, WIDE, Stage, contention, lock_use, text_of, until

import membench.session.measurement
from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue

Compare = Callable[..., bool]
FREE = contention(locks=(lock_use("membench_backends/systems/agentmem.py:124", 0.2, 0.05, 9.0),), lock_s=0.2)


def mid_plan(stage: Stage) -> Callable[[Any], Any]:
    """Return the steps to a plan with one finished run, one in progress and the others waiting."""

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
        await until(pilot, lambda: stage.app.snapshot and stage.app.snapshot.runs[1].measured_s > 1.45)
        await until(pilot, lambda: stage.app.screen.query_one("#runs").cursor == 1)

    return act


class TestPlaces:
    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_plan(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Plan: AgentMem's queue with an option changed, for eight clients."""
        keys = (
            "tab",
            "n",
            "A",
            "space",
            "tab",
            "n",
            "Q",
            "space",
            "o",
            *"128",
            "enter",
            "tab",
            *["right"] * 4,
            "space",
        )
        assert snap_compare(stage.app, terminal_size=size, press=keys)

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_plan_presets(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Plan: the presets, with the runs of the second."""

        async def act(pilot: Any) -> None:
            await until(pilot, lambda: "runs it" in text_of(stage.app))
            await pilot.press("p", "down")

        assert snap_compare(stage.app, terminal_size=size, run_before=act)

    @pytest.mark.parametrize("size", [WIDE, NARROW, (200, 60)], ids=["wide", "narrow", "large"])
    def test_live(
        self, stage: Stage, snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Live: the second run, the first as a grey line, the limit as a dashed line."""
        monkeypatch.setattr(membench.session.measurement, "limit_for", lambda spec: SimpleNamespace(texts_per_s=180.0))
        assert snap_compare(stage.app, terminal_size=size, run_before=mid_plan(stage))

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_live_over(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Live: the verdict of a finished run."""

        async def act(pilot: Any) -> None:
            await mid_plan(stage)(pilot)
            stage.session.finish(120, 1.5)
            stage.session.over()
            await until(pilot, lambda: not stage.app.running)
            stage.app.clear_notifications()

        assert snap_compare(stage.app, terminal_size=size, run_before=act)

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
    def test_results(self, stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
        """Results: a comparison of a run that waits for a mutex with one that does not; another one crashed."""

        async def act(pilot: Any) -> None:
            await compared(pilot, stage)

        assert snap_compare(stage.app, terminal_size=size, run_before=act)

    def test_results_scaling(self, stage: Stage, snap_compare: Compare) -> None:
        """Results: throughput by six numbers of clients with the fitted curve, and latencies."""

        async def act(pilot: Any) -> None:
            await scaled(pilot, stage)

        assert snap_compare(stage.app, terminal_size=WIDE, run_before=act)


async def compared(pilot: Any, stage: Stage) -> None:
    """Finish three runs, and mark the first two."""
    choice = Choice(
        scenarios=("steady-add",), backends=("agentmem",), strategies=("mutex", "adaptive", "shared"), clients=(8,)
    )
    stage.app.run_plan(make_plan(choice, load_catalogue()))
    await until(pilot, lambda: stage.sessions)
    session = stage.session
    for index, (rate, met) in enumerate(((128, contention()), (240, FREE))):
        session.begin(index)
        for number in range(1, 31):
            session.tick(
                number, rate // 10 + number % 3, 4000.0 / rate * (1 + number % 7), met if number % 5 == 0 else None
            )
        session.finish(rate * 3, 3.0)
    session.begin(2)
    session.end("crashed", "the runner was killed by SIGSEGV; its log is /logs/run.log")
    await to_results(pilot, stage, 3)
    await pilot.press("home", "space", "down", "space")
    await until(pilot, lambda: "2 marked" in text_of(stage.app))


async def scaled(pilot: Any, stage: Stage) -> None:
    """Finish runs of one system with six numbers of clients."""
    counts = (1, 2, 4, 8, 16, 32)
    choice = Choice(scenarios=("steady-add",), backends=("agentmem",), strategies=("shared",), clients=counts)
    stage.app.run_plan(make_plan(choice, load_catalogue()))
    await until(pilot, lambda: stage.sessions)
    for index, clients in enumerate(counts):
        rate = round(80 * clients / (1 + 0.25 * (clients - 1)))
        stage.session.begin(index)
        for number in range(1, 11):
            stage.session.tick(
                number, rate // 10, 1000 * clients / rate * (1 + number % 4), FREE if number == 10 else None
            )
        stage.session.finish(rate, 1.0)
    await to_results(pilot, stage, len(counts))
    await pilot.press("c", "c")
    await until(pilot, lambda: "contention 0.2" in text_of(stage.app), tries=6000)


async def to_results(pilot: Any, stage: Stage, runs: int) -> None:
    """End the plan and open Results."""
    stage.session.over()
    await until(pilot, lambda: len(stage.app.finished) == runs and not stage.app.running)
    stage.app.clear_notifications()
    await pilot.press("3")
    await until(pilot, lambda: stage.app.current_mode == "results")
