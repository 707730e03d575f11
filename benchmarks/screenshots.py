"""Makes the pictures of the README: the dashboard as it looks during and after real runs, as SVG in screenshots/."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from app.catalogue import load_catalogue
from app.plan import Choice, make_plan
from app.tui.app import Dashboard

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZE = (120, 36)
POLL_S = 0.25
DURATION_S = 5.0
CHOICE = Choice(
    scenarios=("steady-add",),
    backends=("agentmem",),
    strategies=("shared", "mutex"),
    clients=(8,),
    threads=(1,),
    duration_s=DURATION_S,
)
MUTEX = 1
"""Index of the run that waits for a lock."""


async def take() -> None:
    """Run a plan in the dashboard and take a picture of each place."""
    catalogue = load_catalogue()
    app = Dashboard(catalogue)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        _save(app, "plan")
        app.run_plan(make_plan(CHOICE, catalogue))
        while app.running:
            await pilot.pause(POLL_S)
            if _measuring(app):
                _save(app, "live")  # the last one stays: most of the run is in it, and the other run beside it
        await _results(app, pilot)
    app.engine.leave()


async def _results(app: Dashboard, pilot: Any) -> None:
    """The run with the mutex selected; then the one without held beside it."""
    app.clear_notifications()
    await pilot.press("3", *["down"] * MUTEX)
    await pilot.pause()
    _save(app, "results")
    await pilot.press("space", "home")
    await pilot.pause()
    _save(app, "contention")


def _measuring(app: Dashboard) -> bool:
    run = app.snapshot.runs[MUTEX] if app.snapshot else None
    return bool(run and run.stage == "measuring" and run.course.points)


def _save(app: Dashboard, name: str) -> None:
    app.save_screenshot(f"{name}.svg", path=str(FOLDER))


if __name__ == "__main__":
    asyncio.run(take())
