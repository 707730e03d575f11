"""Trends within a run: stated where there is one, and only there."""

from __future__ import annotations

import random

import msgspec
import pytest

from membench.analysis.figures import Figures
from membench.analysis.trend import trend

STEADY = (100.0, 103.0, 98.0, 101.0, 97.0, 102.0, 99.0, 100.0, 104.0, 98.0)
RISING = (50.0, 56.0, 61.0, 67.0, 72.0, 78.0, 83.0, 89.0, 94.0, 100.0)
WARMING_UP = (50.0, 70.0, 85.0, 96.0, 97.0, 98.0, 99.0, 100.0, 101.0, 102.0)


@pytest.fixture
def run(spec):
    """A factory of a run of 10 s, three repeats of which have the given windows."""
    settings = msgspec.structs.asdict(spec(repeats=3))

    def run(windows, **changes):
        figures = {"memories_per_s_windows": windows, "measured_s": 30.0, "memories_per_s_repeats": (100.0,) * 3,
                   "operations_per_s": 100.0, "latency_mean_ms": 80.0}  # fmt: skip
        return Figures(**{**settings, **figures, **changes})

    return run


def test_a_steady_run_has_no_trend(run):
    assert trend(run(STEADY)) is None


def test_a_run_that_rises_to_its_end_is_still_warming_up(run):
    fact = trend(run(RISING))

    assert (fact.name, round(fact.values["change"], 2)) == ("still_rising", 0.69)


def test_a_run_that_falls_is_slowing_down(run):
    fact = trend(run(tuple(reversed(RISING))))

    assert (fact.name, round(fact.values["change"], 2)) == ("slowing_down", 0.41)


def test_a_run_that_settles_says_after_how_long(run):
    fact = trend(run(WARMING_UP))

    assert (fact.name, fact.values["after_s"]) == ("settled", pytest.approx(3.0))


def test_a_slow_last_window_alone_is_no_trend(run):
    """With a fixed number of items, some clients finish before the others."""
    assert trend(run((*STEADY[:-1], 30.0))) is None


@pytest.mark.parametrize(
    "too_short", [{"operations_per_s": 9.0}, {"latency_mean_ms": 400.0}, {"memories_per_s_windows": None}]
)
def test_windows_that_hold_too_little_show_no_trend(run, too_short):
    assert trend(run(RISING, **too_short)) is None


def test_noise_is_hardly_ever_a_trend(run):
    generator = random.Random(1)
    found = [trend(run(tuple(generator.gauss(100, 20) for _ in range(10)))) for _ in range(2000)]

    assert sum(fact is not None for fact in found) <= 30
