"""Intervals over repeats, and fairness."""

from __future__ import annotations

import random
import statistics

import pytest

from membench.analysis.statistics import bootstrap_interval, jain_index


@pytest.mark.parametrize("values", [[], [7.0]])
def test_one_repeat_has_no_interval(values):
    assert bootstrap_interval(values) == (None, None)


def test_equal_repeats_have_an_interval_of_no_width():
    assert bootstrap_interval([5.0] * 4) == (5.0, 5.0)


def test_the_interval_contains_the_median_and_stays_within_the_values():
    values = [9.0, 10.0, 10.5, 11.0, 14.0, 30.0]
    low, high = bootstrap_interval(values)

    assert min(values) <= low < statistics.median(values) < high <= max(values)
    assert bootstrap_interval(values) == (low, high)


def test_the_interval_covers_the_true_median_about_95_times_in_100():
    generator = random.Random(1)
    samples = [[generator.gauss(100, 10) for _ in range(15)] for _ in range(200)]
    covered = sum(low <= 100 <= high for low, high in map(bootstrap_interval, samples))

    assert 178 <= covered <= 200


@pytest.mark.parametrize(
    ("amounts", "index"),
    [([3, 3, 3, 3], 1.0), ([12, 0, 0, 0], 0.25), ([1, 2, 3], 36 / 42), ([5], None), ([], None), ([0, 0], None)],
)
def test_fairness_is_jains_index(amounts, index):
    assert jain_index(amounts) == (None if index is None else pytest.approx(index))
