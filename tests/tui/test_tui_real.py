"""One real plan, from its start to Results."""

from __future__ import annotations

import pytest
from tui_script import WIDE, text_of, until

from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.tui.app import Dashboard

pytestmark = pytest.mark.xdist_group("measures")


async def test_a_real_run_appears_in_results() -> None:
    catalogue = load_catalogue()
    choice = Choice(scenarios=("steady-add",), backends=("null",), clients=(1,), duration_s=0.3)
    app = Dashboard(catalogue, autorun=make_plan(choice, catalogue))
    try:
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.snapshot and app.snapshot.over)
            await pilot.press("3")
            await until(pilot, lambda: app.current_mode == "results")
            seen = text_of(app)
    finally:
        app.runs.close()
    (record,) = [run.record for run in app.finished]
    assert record is not None and record.status == "ok" and (record.memories_per_s or 0) > 0
    assert "steady-add" in seen and "null" in seen
