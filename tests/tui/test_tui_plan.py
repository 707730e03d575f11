"""Plan: choosing with the keyboard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tui_script import NARROW, WIDE, Stage, notes_of, text_of, until

import app.tui.choices
from app.plan import Plan
from app.tui.screens.plan import PlanScreen
from app.tui.widgets.checklist import CheckList
from backends.embedding.strategies import STRATEGIES
from backends.registry import backends

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


def plan_of(stage: Stage) -> Plan:
    screen = stage.app.screen
    assert isinstance(screen, PlanScreen) and isinstance(screen.outcome, Plan)
    return screen.outcome


@SIZES
async def test_enter_at_once_runs_the_built_in_comparison(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stage.app.current_mode == "live")
        runs = stage.session.plan.runs
    assert {run.scenario for run in runs} == {"single-add", "batch-add", "concurrent-add"}
    assert {run.backend for run in runs} == {"mem0", "agentmem"}
    assert {run.store for run in runs} == {"local"}


@SIZES
async def test_ticking_changes_the_plan_in_words(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app.run_test(size=size) as pilot:
        before = len(plan_of(stage).runs)
        await pilot.press("down", "down", "down", "space")
        assert len(plan_of(stage).runs) > before
        assert plan_of(stage).summary() in text_of(stage.app)
        assert "speed twin" in text_of(stage.app)


async def test_all_none_and_letters_work_in_the_focused_panel(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "n", "f", "space")
        assert stage.app.query_one("#backends", CheckList).ticked == ("fastembed",)
        await pilot.press("N", "space")
        assert stage.app.query_one("#backends", CheckList).ticked == ("fastembed", "null")
        await pilot.press("right", "a")
        assert len(stage.app.query_one("#strategies", CheckList).ticked) == len(STRATEGIES)
        assert len(stage.app.query_one("#scenarios", CheckList).ticked) == 3


async def test_clients_take_the_place_of_the_scenarios_own(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab", "tab", "8", "space")
        assert {run.workload.clients for run in plan_of(stage).runs} == {8}


async def test_a_choice_that_cannot_run_says_why_in_place(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("n")
        assert "no scenario is chosen" in text_of(stage.app).lower()
        await pilot.press("enter")
        await pilot.pause()
        assert stage.app.current_mode == "plan" and not stage.sessions
        assert "This cannot be run" in notes_of(stage.app)


async def test_a_risky_store_is_warned_of(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab", "down", "space")
        assert "Not thread-safe" in text_of(stage.app)


@SIZES
async def test_a_backend_that_cannot_run_is_shown_with_its_reason(
    stage: Stage, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {name: replace(info, unavailable="needs mem0") if name == "mem0" else info
               for name, info in backends().items()}  # fmt: skip
    monkeypatch.setattr(app.tui.choices, "backends", lambda: missing)
    async with stage.app.run_test(size=size) as pilot:
        assert "needs mem0" in text_of(stage.app)
        await pilot.press("tab", "space")
        assert stage.app.query_one("#backends", CheckList).ticked == ("agentmem",)
        assert "Cannot run here: needs mem0" in text_of(stage.app)


async def test_references_say_what_they_are_worth(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await pilot.press("down", "down")
        shown = " ".join(text_of(stage.app).split())
        assert "measured" in shown and "claimed" in shown and "unsourced" in shown
