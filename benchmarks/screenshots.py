"""Save the README's screenshots: the dashboard during and after real runs, as SVG files in screenshots/.

The runs are stored in a temporary history. If the limit of this machine is known (`membench-tui limit`), Live shows it.

    python benchmarks/screenshots.py
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import msgspec
from textual.pilot import Pilot

from membench.plan.matrix import make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.results.limits import limits_folder
from membench.tui.app import Dashboard

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZE = (120, 36)
POLL_S = 0.25
SETTLE_S = 1.0
"""Time for what a key starts in the background, such as fitting a curve."""
COMPARISON = Choice(
    scenarios=("steady-add",),
    backends=("agentmem",),
    strategies=("shared", "mutex", "adaptive"),
    clients=(8,),
    threads=(1,),
    duration_s=4.0,
    repeats=3,
)
SCALING = msgspec.structs.replace(
    COMPARISON, strategies=("mutex", "adaptive"), clients=(1, 2, 4, 8, 16, 32), duration_s=1.5
)
MUTEX_RUN = COMPARISON.strategies.index("mutex")


def main() -> None:
    """Take the screenshots with a history that holds only their runs."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    limits = limits_folder()
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, XDG_DATA_HOME=folder):
        if limits.is_dir():
            shutil.copytree(limits, limits_folder())
        asyncio.run(_take())


async def _take() -> None:
    app = Dashboard(load_catalogue())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(POLL_S)
        _save(app, "plan")
        await _run(app, pilot, COMPARISON, live=True)
        await _press(app, pilot, "3", "home", *["down"] * MUTEX_RUN)
        _save(app, "results")
        await _press(app, pilot, "space", "down", "space")
        _save(app, "comparison")
        await _run(app, pilot, SCALING)
        await _press(app, pilot, "3", "u", "end", "c", "c")
        _save(app, "scaling")
        await _press(app, pilot, "4")
        _save(app, "history")
    app.runs.close()


async def _run(app: Dashboard, pilot: Pilot[None], choice: Choice, live: bool = False) -> None:
    """Run a plan to its end; with `live`, save the latest screen on which the mutex run is measured."""
    app.run_plan(make_plan(choice, load_catalogue()))
    while app.running:
        await pilot.pause(POLL_S)
        if live and _is_measuring_mutex(app):
            _save(app, "live")


def _is_measuring_mutex(app: Dashboard) -> bool:
    run = app.snapshot.runs[MUTEX_RUN] if app.snapshot else None
    return bool(run and run.stage == "measuring" and run.measured_s)


async def _press(app: Dashboard, pilot: Pilot[None], *keys: str) -> None:
    app.clear_notifications()
    await pilot.press(*keys)
    await pilot.pause(SETTLE_S)


def _save(app: Dashboard, name: str) -> None:
    app.save_screenshot(f"{name}.svg", path=str(FOLDER))


if __name__ == "__main__":
    main()
