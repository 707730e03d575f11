"""Makes the pictures of the README: the dashboard as it looks during and after real runs, as SVG in screenshots/.

The runs go into a history of their own. Where a limit of this machine is kept (`membench-tui limit`), Live draws it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from membench.plan.matrix import Choice, make_plan
from membench.plan.scenarios import load_catalogue
from membench.results.limits import limits_folder
from membench.tui.app import Dashboard

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZE = (120, 36)
POLL_S = 0.25
COMPARISON = Choice(
    scenarios=("steady-add",),
    backends=("agentmem",),
    strategies=("shared", "mutex", "adaptive"),
    clients=(8,),
    threads=(1,),
    duration_s=5.0,
)
SCALING = msgspec.structs.replace(
    COMPARISON, strategies=("mutex", "adaptive"), clients=(1, 2, 4, 8, 16, 32), duration_s=2.0
)
MUTEX = 1
"""Index of the run that waits for a lock."""


async def take() -> None:
    """Run plans in the dashboard and take a picture of each place."""
    catalogue = load_catalogue()
    app = Dashboard(catalogue)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(POLL_S)
        _save(app, "plan")
        app.run_plan(make_plan(COMPARISON, catalogue))
        while app.running:
            await pilot.pause(POLL_S)
            if _measuring(app):
                _save(app, "live")  # the last one stays: most of the run is in it, and the other run beside it
        await _results(app, pilot)
        app.run_plan(make_plan(SCALING, catalogue))
        while app.running:
            await pilot.pause(POLL_S)
        await _press(app, pilot, "3", "u", "end", "c", "c")
        _save(app, "scaling")
        await _press(app, pilot, "4")
        _save(app, "history")
    app.engine.leave()


async def _results(app: Dashboard, pilot: Any) -> None:
    """The run with the mutex selected; then the same beside the one with adaptive."""
    await _press(app, pilot, "3", "home", *["down"] * MUTEX)
    _save(app, "results")
    await _press(app, pilot, "space", "down", "space")
    _save(app, "comparison")


async def _press(app: Dashboard, pilot: Any, *keys: str) -> None:
    app.clear_notifications()
    await pilot.press(*keys)
    await pilot.pause(4 * POLL_S)  # a curve is fitted in a thread


def _measuring(app: Dashboard) -> bool:
    run = app.snapshot.runs[MUTEX] if app.snapshot else None
    return bool(run and run.stage == "measuring" and run.course.points)


def _save(app: Dashboard, name: str) -> None:
    app.save_screenshot(f"{name}.svg", path=str(FOLDER))


def main() -> None:
    """Take the pictures with a history that holds nothing else."""
    limits = limits_folder()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        if limits.is_dir():
            shutil.copytree(limits, limits_folder())
        asyncio.run(take())


if __name__ == "__main__":
    main()
