"""How many times faster one run is than another, and how certain that is."""

from __future__ import annotations

import random

import msgspec
import pytest

from membench.analysis.comparison import Ratio, compare
from membench.analysis.figures import Figures

FAST = (98.0, 101.0, 99.0, 102.0, 100.0, 97.0, 103.0, 100.0, 99.0, 101.0)
SLOW = tuple(rate / 2 for rate in reversed(FAST))


@pytest.fixture
def run(spec):
    """A factory of figures with a given rate."""
    settings = msgspec.structs.asdict(spec(clients=20))
    return lambda memories_per_s, **changes: Figures(**{**settings, "memories_per_s": memories_per_s, **changes})


def test_the_interval_is_over_repeats_where_both_have_them(run):
    a = run(100.0, memories_per_s_repeats=(95.0, 100.0, 110.0), memories_per_s_windows=FAST)
    b = run(50.0, memories_per_s_repeats=(49.0, 50.0, 52.0), memories_per_s_windows=SLOW)

    assert compare(a, b) == Ratio(2.0, pytest.approx(95 / 52), pytest.approx(110 / 49), "repeats")


def test_otherwise_the_interval_is_over_windows(run):
    a = run(100.0, memories_per_s_repeats=(100.0,), memories_per_s_windows=FAST)
    b = run(50.0, memories_per_s_repeats=(49.0, 51.0), memories_per_s_windows=SLOW)
    ratio = compare(a, b)

    assert (ratio.value, ratio.basis) == (2.0, "windows")
    assert 1.9 < ratio.low < 2.0 < ratio.high < 2.1
    assert compare(a, b) == ratio


def test_the_reciprocal_ratio_has_the_reciprocal_interval(run):
    a, b = run(100.0, memories_per_s_windows=FAST), run(50.0, memories_per_s_windows=SLOW)
    ratio, reciprocal = compare(a, b), compare(b, a)

    assert reciprocal.value == pytest.approx(1 / ratio.value)
    assert reciprocal.low == pytest.approx(1 / ratio.high, rel=0.02)


def test_a_run_that_was_too_short_has_a_ratio_without_an_interval(run):
    assert compare(run(30.0), run(20.0, memories_per_s_windows=SLOW)) == Ratio(1.5)


def test_windows_of_a_nearly_idle_run_give_no_interval(run):
    idle = (0.0,) * 9 + (5.0,)

    assert compare(run(30.0, memories_per_s_windows=FAST), run(0.5, memories_per_s_windows=idle)) == Ratio(60.0)


@pytest.mark.parametrize(("a", "b"), [(None, 1.0), (1.0, None), (1.0, 0.0), (0.0, 1.0)])
def test_without_throughput_there_is_no_ratio(run, a, b):
    assert compare(run(a), run(b)) is None


@pytest.mark.parametrize(("low", "may_be_chance"), [(None, False), (0.9, True), (1.0, True), (1.01, False)])
def test_a_ratio_may_be_chance_if_its_interval_includes_1(low, may_be_chance):
    assert Ratio(1.2, low, 1.5 if low else None).may_be_chance == may_be_chance


def test_the_interval_contains_the_true_ratio_about_95_times_in_100(run):
    generator = random.Random(1)
    covered = 0
    for _ in range(100):
        a, b = (tuple(generator.gauss(mean, mean / 10) for _ in range(10)) for mean in (200, 100))
        ratio = compare(run(sum(a) / 10, memories_per_s_windows=a), run(sum(b) / 10, memories_per_s_windows=b))
        covered += ratio.low <= 2.0 <= ratio.high

    assert 87 <= covered <= 100
