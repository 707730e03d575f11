"""How many times faster one run is than another, and how sure that is."""

from __future__ import annotations

import random

import msgspec
import pytest

from membench.analysis.comparison import WITHIN_ONE_RUN, Ratio, compare, differences, ratio_in_words
from membench.report.explanation import explain_strategies
from membench.session.measurement import Measurement

FAST = (98.0, 101.0, 99.0, 102.0, 100.0, 97.0, 103.0, 100.0, 99.0, 101.0)
SLOW = tuple(rate / 2 for rate in reversed(FAST))


@pytest.fixture
def run(spec):
    """Makes a record of a run that went well."""
    whole = Measurement(spec(clients=20)).record("ok")

    def make(memories_per_s, run_id="a", **changes):
        return msgspec.structs.replace(whole, run_id=run_id, memories_per_s=memories_per_s, **changes)

    return make


def test_the_interval_is_over_repeats_where_both_have_them(run):
    a = run(100.0, memories_per_s_repeats=(95.0, 100.0, 110.0), memories_per_s_windows=FAST)
    b = run(50.0, memories_per_s_repeats=(49.0, 50.0, 52.0), memories_per_s_windows=SLOW)

    assert compare(a, b) == Ratio(2.0, pytest.approx(95 / 52), pytest.approx(110 / 49), "repeats")


def test_otherwise_it_comes_from_windows_of_the_time(run):
    a = run(100.0, memories_per_s_repeats=(100.0,), memories_per_s_windows=FAST)
    b = run(50.0, memories_per_s_repeats=(49.0, 51.0), memories_per_s_windows=SLOW)
    ratio = compare(a, b)

    assert (ratio.value, ratio.basis) == (2.0, "windows")
    assert 1.9 < ratio.low < 2.0 < ratio.high < 2.1
    assert compare(a, b) == ratio


def test_a_ratio_turned_round_has_its_interval_turned_round(run):
    a, b = run(100.0, memories_per_s_windows=FAST), run(50.0, memories_per_s_windows=SLOW)
    there, back = compare(a, b), compare(b, a)

    assert back.value == pytest.approx(1 / there.value)
    assert back.low == pytest.approx(1 / there.high, rel=0.02)


def test_too_short_a_run_has_a_ratio_without_an_interval(run):
    assert compare(run(30.0), run(20.0, memories_per_s_windows=SLOW)) == Ratio(1.5)


def test_windows_in_which_hardly_anything_happened_say_nothing(run):
    idle = (0.0,) * 9 + (5.0,)

    assert compare(run(30.0, memories_per_s_windows=FAST), run(0.5, memories_per_s_windows=idle)) == Ratio(60.0)


@pytest.mark.parametrize(("a", "b"), [(None, 1.0), (1.0, None), (1.0, 0.0), (0.0, 1.0)])
def test_without_throughput_there_is_no_ratio(run, a, b):
    assert compare(run(a), run(b)) is None


def test_the_interval_holds_the_true_ratio_about_95_times_in_100(run):
    generator = random.Random(1)
    held = 0
    for _ in range(100):
        a, b = (tuple(generator.gauss(mean, mean / 10) for _ in range(10)) for mean in (200, 100))
        ratio = compare(run(sum(a) / 10, memories_per_s_windows=a), run(sum(b) / 10, memories_per_s_windows=b))
        held += ratio.low <= 2.0 <= ratio.high

    assert 87 <= held <= 100


def test_a_ratio_in_words():
    assert ratio_in_words("adaptive", "mutex", Ratio(1.8571, 1.79, 1.944)) == "adaptive is 1.86x mutex (1.79 to 1.94)"
    assert ratio_in_words("fixed", "model", Ratio(123.4)) == "fixed is 123x model"


def test_differences_are_told_by_their_fields(run):
    a = run(1.0, weights="real", environment={"cpu": "EPYC", "cores": "2"})
    b = run(1.0, weights="twin", duration_s=5.0, strategy="shared", environment={"cpu": "Xeon", "cores": "2"})

    assert differences(a, a) == []
    assert differences(a, b) == ["weights: real against twin", "duration: none against 5", "cpu: EPYC against Xeon"]


class TestStrategies:
    def test_each_is_held_against_the_first(self, run):
        records = [
            run(100.0, "1", strategy="shared", memories_per_s_windows=FAST),
            run(50.0, "2", strategy="mutex", memories_per_s_windows=SLOW),
            run(100.0, "3", strategy="adaptive", memories_per_s_windows=FAST),
        ]
        line, basis = explain_strategies(records)

        assert line.startswith("mem0, quick, 20 clients: mutex is 0.50x shared (0.4")
        assert ", adaptive is 1.00x shared (0.9" in line
        assert basis == WITHIN_ONE_RUN

    def test_repeats_need_no_remark(self, run):
        records = [
            run(9.0, name, strategy=name, memories_per_s_repeats=(8.0, 9.0, 10.0)) for name in ("shared", "mutex")
        ]

        assert len(list(explain_strategies(records))) == 1

    @pytest.mark.parametrize(
        "change",
        [{"backend": "agentmem"}, {"clients": 8}, {"scenario": "other"}, {"store": "edge"}, {"status": "failed"}],
    )
    def test_runs_that_differ_in_more_are_not_compared(self, run, change):
        records = [run(100.0, "1", strategy="shared"), run(50.0, "2", **{"strategy": "mutex", **change})]

        assert list(explain_strategies(records)) == []
