"""Comparisons in words: ratios, names that tell runs apart, and conditions that differ."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.comparison import Ratio
from membench.report.comparison import MORE_REPEATS, differences, names_of, ratio_text, strategy_ratios
from membench.session.measurement import Measurement


@pytest.fixture
def run(spec):
    """A factory of records of runs that went well."""
    complete = Measurement(spec(clients=20)).record("ok")

    def make(memories_per_s=100.0, run_id="a", **changes):
        return msgspec.structs.replace(complete, run_id=run_id, memories_per_s=memories_per_s, **changes)

    return make


def test_a_ratio_in_words():
    assert ratio_text("adaptive", "mutex", Ratio(1.8571, 1.79, 1.944)) == "adaptive is 1.86x mutex (1.79 to 1.94)"
    assert ratio_text("fixed", "model", Ratio(123.4)) == "fixed is 123x model (no interval)"


def test_differences_are_stated_by_condition(run):
    a = run(weights="real", environment={"cpu": "EPYC", "cores": "2"})
    b = run(
        weights="twin",
        items=None,
        duration_s=5.0,
        target_operations_per_s=50.0,
        strategy="shared",
        environment={"cpu": "Xeon", "cores": "2"},
    )

    assert differences(a, a) == []
    assert differences(a, b) == [
        "items: 10 against none",
        "loop: closed against open",
        "weights: real against twin",
        "duration: none against 5",
        "rate: none against 50",
        "cpu: EPYC against Xeon",
    ]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"strategy": "shared"}, ["mutex", "shared"]),
        ({"clients": 1}, ["20 clients", "1 client"]),
        ({"threads": 2}, ["mem0", "threads 2"]),
    ],
)
def test_a_name_states_only_what_tells_runs_apart(run, changes, names):
    assert list(names_of([run(), run(run_id="b", **changes)]).values()) == names


class TestStrategies:
    def test_each_is_compared_with_the_first(self, run, repeated):
        records = [
            repeated(run(strategy="shared"), 98.0, 100.0, 102.0),
            repeated(run(run_id="2", strategy="mutex"), 49.0, 50.0, 51.0),
            repeated(run(run_id="3", strategy="adaptive"), 99.0, 100.0, 101.0),
        ]
        (line,) = strategy_ratios(records)

        assert line == (
            "mem0, quick, 20 clients: mutex is 0.50x shared (0.50 to 0.50), adaptive is 1.00x shared (0.98 to 1.03)"
        )

    def test_without_intervals_it_says_how_to_get_them(self, run):
        line, more = strategy_ratios([run(100.0, "1", strategy="shared"), run(50.0, "2", strategy="mutex")])

        assert line == "mem0, quick, 20 clients: mutex is 0.50x shared (no interval)"
        assert more == MORE_REPEATS == "an interval needs 3 repeats or more of each run: --repeats 3"

    @pytest.mark.parametrize(
        "change",
        [{"backend": "agentmem"}, {"clients": 8}, {"scenario": "other"}, {"store": "edge"}, {"status": "failed"}],
    )
    def test_runs_that_differ_in_more_are_not_compared(self, run, change):
        records = [run(100.0, "1", strategy="shared"), run(50.0, "2", **{"strategy": "mutex", **change})]

        assert list(strategy_ratios(records)) == []
