"""Fixtures of the dashboard's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import textual.app
import textual.pilot
from tui_script import Stage

import membench.tui.app
import membench.tui.plan.choices
import membench.tui.plan.screen
import membench.tui.plan.summary
from membench_backends.embedding.models.cache import WeightsOnDisk


@pytest.fixture(autouse=True)
def prompt_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pilot continue as soon as the app has nothing left to do, and not before.

    Textual's pilot waits until the process uses almost no processor time, for at most a second. On a busy machine that
    is too long, and for a slow step too short. Notifications stay until the test has read them.
    """
    monkeypatch.setattr(membench.tui.app.Dashboard, "NOTIFICATION_TIMEOUT", 600.0)
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", wait_until_idle)


async def wait_until_idle(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Wait until the event loop has no ready callbacks and the screen nothing to repaint."""
    loop = asyncio.get_running_loop()
    app = textual.app.active_app.get()
    while True:
        await asyncio.sleep(0)
        if loop._ready:  # type: ignore[attr-defined]
            continue
        if app._exception:  # the app has crashed, and paints nothing any more
            return
        screen = app.screen
        if not (screen._layout_required or screen._repaint_required or screen._dirty_widgets or screen._callbacks):
            return
        screen._on_timer_update()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Yield a dashboard that looks the same on every machine and redraws with every tick."""
    twin = WeightsOnDisk("twin", None, True, "speed twin, cached")
    for module in (membench.tui.app, membench.tui.plan.summary):
        monkeypatch.setattr(module, "weights_on_disk", lambda model: twin)
    monkeypatch.setattr(membench.tui.app, "describe", lambda: "Test CPU, 2 cores")
    monkeypatch.setattr(membench.tui.plan.choices, "version_of", lambda info: "1.0")
    monkeypatch.setattr(membench.tui.plan.screen, "disturbances", list)
    stage = Stage()
    yield stage
    stage.app.runs.close()
