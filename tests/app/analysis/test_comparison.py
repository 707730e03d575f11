"""How many times faster one run is than another, and how certain that is."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.comparison import Ratio, clearly_fastest, compare
from membench.analysis.figures import Figures
from membench.analysis.statistics import mean_rate

FAST, SLOW = (100.0, 60.0, 80.0), (50.0, 30.0, 40.5)


@pytest.fixture
def run(spec):
    """A factory of figures with given rates of repeats, by default each in a process of its own."""
    settings = msgspec.structs.asdict(spec(clients=20))

    def run(rates, **changes):
        started_at = tuple(f"2026-11-24T10:00:{number:02}+00:00" for number in range(len(rates)))
        figures = {
            "memories_per_s": mean_rate(rates),
            "memories_per_s_repeats": rates,
            "repeats_started_at": started_at,
        }
        return Figures(**{**settings, **figures, **changes})

    return run


def test_repeats_of_the_same_plan_are_compared_in_pairs(run):
    ratio = compare(run(FAST), run(SLOW))

    assert ratio.basis == "pairs"
    assert 1.95 < ratio.low < ratio.value < ratio.high < 2.05


def test_repeats_of_different_plans_are_independent(run):
    ratio = compare(run(FAST), run(SLOW, plan_id="another"))

    assert ratio.basis == "repeats"
    assert ratio.low < 1.2 and ratio.high > 3
    assert ratio.value == pytest.approx(compare(run(FAST), run(SLOW)).value)


def test_a_run_that_lacks_a_repeat_has_no_pairs(run):
    assert compare(run((*FAST, 70.0)), run(SLOW)).basis == "repeats"


def test_the_reciprocal_ratio_has_the_reciprocal_interval(run):
    ratio, reciprocal = compare(run(FAST), run(SLOW)), compare(run(SLOW), run(FAST))

    assert (reciprocal.value, reciprocal.low) == pytest.approx((1 / ratio.value, 1 / ratio.high))


@pytest.mark.parametrize("rates", [(30.0,), (30.0, 31.0)])
def test_fewer_than_three_repeats_give_no_interval(run, rates):
    ratio = compare(run(rates), run(tuple(rate / 2 for rate in rates)))

    assert ratio == Ratio(pytest.approx(2.0))
    assert ratio.includes_1 is None


def test_repeats_that_shared_a_process_give_no_interval(run):
    assert compare(run(FAST, repeats_started_at=()), run(SLOW)).low is None


@pytest.mark.parametrize(("a", "b"), [((), (1.0,)), ((1.0,), ()), ((1.0,), (0.0,)), ((0.0,), (1.0,))])
def test_without_throughput_there_is_no_ratio(run, a, b):
    assert compare(run(a), run(b)) is None


@pytest.mark.parametrize(("low", "high", "includes"), [(0.9, 1.5, True), (1.0, 1.5, True), (1.01, 1.5, False),
                                                       (0.5, 0.99, False)])  # fmt: skip
def test_a_difference_may_be_chance_if_the_interval_includes_1(low, high, includes):
    assert Ratio(1.2, low, high, "pairs").includes_1 is includes


def test_the_clearly_fastest_run_of_a_task_beats_each_of_the_others(run):
    fast, slow, noisy = run(FAST), run(SLOW), run((90.0, 20.0, 60.0))
    other_task = run((900.0, 900.1, 900.2), clients=1)

    assert clearly_fastest([slow, fast, other_task]) == {fast.run_id}
    assert clearly_fastest([slow, fast, noisy]) == frozenset()  # noisy may be as fast
    assert clearly_fastest([slow, other_task]) == frozenset()


def test_no_run_is_clearly_the_fastest_without_repeats(run):
    assert clearly_fastest([run((100.0,)), run((10.0,))]) == frozenset()
