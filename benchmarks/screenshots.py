"""Makes the pictures of the README: the dashboard as it looks during a real run, as SVG in screenshots/."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.catalogue import load_catalogue
from app.plan import Choice, make_plan
from app.tui.app import Dashboard

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZE = (120, 36)
POLL_S = 0.25
CHOICE = Choice(
    scenarios=("steady-add",), backends=("agentmem",), strategies=("shared", "mutex"), clients=(8,), duration_s=5.0
)


async def take() -> None:
    """Run a plan in the dashboard and take a picture of each place."""
    catalogue = load_catalogue()
    app = Dashboard(catalogue)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        _save(app, "plan")
        plan = make_plan(CHOICE, catalogue)
        app.run_plan(plan)
        while app.running:
            await pilot.pause(POLL_S)
            run = app.snapshot.runs[-1] if app.snapshot else None
            if (
                run
                and run.running
                and run.course.points
                and run.course.points[-1].end_s < 0.95 * (CHOICE.duration_s or 0)
            ):
                _save(app, "live")  # the last one stays: the run is nearly over, the other is beside it
        app.clear_notifications()
        await pilot.press("3")
        await pilot.pause()
        _save(app, "results")
    app.engine.leave()


def _save(app: Dashboard, name: str) -> None:
    app.save_screenshot(f"{name}.svg", path=str(FOLDER))


if __name__ == "__main__":
    asyncio.run(take())
