"""Intervals over repeats, and fairness."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from membench.analysis.statistics import (
    jain_index,
    mean_rate,
    paired_ratio_interval,
    rate_interval,
    ratio_interval,
)

SAMPLES = 1500
COVERED = (0.92, 0.98)
NOISE = 0.08


@pytest.mark.parametrize("rates", [[], [7.0], [7.0, 8.0], [7.0, 8.0, 0.0]])
def test_there_is_no_interval_without_three_repeats_that_have_a_rate(rates):
    assert rate_interval(rates) is None
    assert paired_ratio_interval(rates, [5.0] * len(rates)) is None
    assert ratio_interval(rates, [5.0, 6.0, 7.0]) is None


def test_equal_repeats_have_an_interval_of_no_width():
    assert rate_interval([5.0] * 4) == pytest.approx((5.0, 5.0))
    assert ratio_interval([6.0] * 3, [3.0] * 4) == pytest.approx((2.0, 2.0))


def test_the_interval_is_students_t_on_logarithms():
    rates = [100.0, 110.0, 121.0]
    margin = 4.302653 * math.log(1.1) / math.sqrt(3)

    assert mean_rate(rates) == pytest.approx(110.0)
    assert rate_interval(rates) == pytest.approx((110 * math.exp(-margin), 110 * math.exp(margin)))


def test_pairs_cancel_what_changes_both_sides():
    first, second = [100.0, 50.0, 80.0], [50.0, 25.5, 39.0]
    low, high = paired_ratio_interval(first, second)
    unpaired_low, unpaired_high = ratio_interval(first, second)

    assert 1.85 < low < 2 < high < 2.15
    assert unpaired_low < 1.2 and unpaired_high > 3


@pytest.mark.parametrize(("rates", "mean"), [([], None), ([5.0, 0.0], 0.0), ([2.0, 8.0], 4.0)])
def test_the_mean_rate_is_geometric(rates, mean):
    assert mean_rate(rates) == (mean if mean is None else pytest.approx(mean))


def gauss(generator):
    return generator.gauss(0, NOISE)


def heavy_tail(generator):
    """Student's t with three degrees of freedom, with the same standard deviation."""
    return generator.gauss(0, NOISE) / math.sqrt(sum(generator.gauss(0, 1) ** 2 for _ in range(3)))


def rates_of(true_rate, repeats, noise, generator, drift=0.0, places=None):
    """Return the rates of repeats that were measured at the given places of a plan that drifts by `drift` in all."""
    places = places or [repeat / max(repeats - 1, 1) for repeat in range(repeats)]
    return [true_rate * math.exp(noise(generator) + drift * (place - 0.5)) for place in places]


def block_places(repeats):
    """Return where the repeats of two runs lie in a plan A B B A ..., from 0 to 1."""
    slots = [(2 * repeat, 2 * repeat + 1)[:: -1 if repeat % 2 else 1] for repeat in range(repeats)]
    return [[slot / (2 * repeats - 1) for slot in side] for side in zip(*slots, strict=True)]


@pytest.mark.parametrize("repeats", [3, 5, 10])
@pytest.mark.parametrize("noise", [gauss, heavy_tail])
@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_the_intervals_cover_the_truth_about_95_times_in_100(repeats, noise, drift):
    generator = random.Random(1)
    covered = {"rate": 0, "pairs": 0, "repeats": 0}
    for _ in range(SAMPLES):
        first, second = (
            rates_of(rate, repeats, noise, generator, drift, places)
            for rate, places in zip((200.0, 100.0), block_places(repeats), strict=True)
        )
        other = rates_of(100.0, repeats, noise, generator)
        truths = {
            "rate": (rate_interval(rates_of(100.0, repeats, noise, generator, drift)), 100.0),
            "pairs": (paired_ratio_interval(first, second), 2.0),
            "repeats": (ratio_interval(rates_of(200.0, repeats, noise, generator), other), 2.0),
        }
        for name, ((low, high), truth) in truths.items():
            covered[name] += low <= truth <= high
    shares = {name: count / SAMPLES for name, count in covered.items()}
    assert all(COVERED[0] <= share <= COVERED[1] for share in shares.values()), shares


def test_pairs_stay_narrow_under_a_drift_that_widens_independent_intervals():
    generator = random.Random(2)
    paired, independent = [], []
    for _ in range(200):
        first, second = (
            rates_of(rate, 4, gauss, generator, 1.0, places)
            for rate, places in zip((200.0, 100.0), block_places(4), strict=True)
        )
        for widths, interval in ((paired, paired_ratio_interval), (independent, ratio_interval)):
            low, high = interval(first, second)
            widths.append(high / low)
    assert statistics.median(paired) < statistics.median(independent) / 2


@pytest.mark.parametrize(
    ("amounts", "index"),
    [([3, 3, 3, 3], 1.0), ([12, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([5], None), ([], None), ([0, 0], None)],
)
def test_fairness_is_jains_index(amounts, index):
    assert jain_index(amounts) == (None if index is None else pytest.approx(index))
