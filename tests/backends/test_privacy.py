"""The telemetry of the measured libraries is off, and the README says how."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from membench_backends.privacy import BLOCKED, SWITCHES, turn_off_telemetry
from membench_backends.registry import backends

README = Path(__file__).parents[2] / "README.md"


def test_the_settings_replace_those_of_the_user(monkeypatch):
    for switch in SWITCHES:
        monkeypatch.setenv(switch.variable, "the user's")
    turn_off_telemetry()

    assert {switch.variable: os.environ[switch.variable] for switch in SWITCHES} == {
        switch.variable: switch.value for switch in SWITCHES
    }


@pytest.mark.parametrize("blocked", BLOCKED, ids=[blocked.module for blocked in BLOCKED])
def test_a_blocked_module_cannot_be_imported(tmp_path, blocked):
    (tmp_path / f"{blocked.module}.py").write_text("")
    code = f"from membench_backends.privacy import turn_off_telemetry as off; off(); import {blocked.module}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )

    assert "ModuleNotFoundError" in done.stderr


def test_telemetry_is_off_before_a_plug_in_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "reporter.py").write_text("import os\nraise ImportError(os.environ['DO_NOT_TRACK'])\n")
    distribution = tmp_path / "reporter-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: reporter\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[membench.backends]\nreporter = reporter:INFO\n")
    monkeypatch.setenv("DO_NOT_TRACK", "the user's")
    monkeypatch.syspath_prepend(tmp_path)
    backends.cache_clear()
    reason = backends()["reporter"].unavailable
    backends.cache_clear()

    assert reason.endswith("ImportError: 1")


def test_the_readme_lists_every_setting():
    rows = re.findall(r"^\| ([^|]+) \| `([^`]+)`([^|]*) \| ([^|]+) \|$", README.read_text(), re.MULTILINE)
    settings = [(library, name, prevents) for library, name, _, prevents in rows]

    for switch in SWITCHES:
        assert (switch.library, f"{switch.variable}={switch.value}", switch.prevents) in settings
    for blocked in BLOCKED:
        assert (blocked.library, blocked.module, blocked.prevents) in settings
