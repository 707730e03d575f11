"""The dashboard as the tests of the terminal get it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tui_script import Stage

import app.tui.app
import app.tui.choices
import app.tui.planned
import app.tui.screens.plan
from backends.embedding.cache import WeightsOnDisk


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A dashboard that looks the same on every machine and draws at once."""
    twin = WeightsOnDisk("twin", None, 266.0, True, "speed twin, cached")
    for module in (app.tui.app, app.tui.planned):
        monkeypatch.setattr(module, "weights_on_disk", lambda model: twin)
    monkeypatch.setattr(app.tui.app, "describe", lambda: "Test CPU, 2 cores")
    monkeypatch.setattr(app.tui.choices, "version_of", lambda info: "1.0")
    monkeypatch.setattr(app.tui.screens.plan, "disturbances", list)
    stage = Stage()
    yield stage
    stage.app.engine.leave()
