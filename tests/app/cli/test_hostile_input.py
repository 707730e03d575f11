"""A few seeded cases of each campaign of hostile input; `benchmarks/faults/` has thousands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGNS = Path(__file__).parents[3] / "benchmarks" / "faults"


@pytest.mark.parametrize("campaign", ["flags", "scenario_files", "corpora"])
def test_hostile_input_is_read_or_refused_in_one_line(campaign):
    command = [sys.executable, CAMPAIGNS / f"{campaign}.py", "--cases", "40", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("40 cases, ")
