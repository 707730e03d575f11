"""Comparisons in words: ratios, names that tell runs apart, and conditions that differ."""

from __future__ import annotations

import msgspec
import pytest

from membench.analysis.comparison import Ratio
from membench.report.comparison import MORE_REPEATS, choice_ratios, differences, names_of, ratio_text
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
        ({"threads": 2, "session_threads": (2,), "threads_auto": True}, ["mem0", "threads auto (2)"]),
        ({"backend_options": {"history": "together"}}, ["mem0", "history=together"]),
    ],
)
def test_a_name_states_only_what_tells_runs_apart(run, changes, names):
    assert list(names_of([run(), run(run_id="b", **changes)]).values()) == names


def test_options_are_in_a_name_only_where_they_tell_runs_of_the_same_backend_apart(run):
    def history(value, run_id, backend):
        return run(run_id=run_id, backend=backend, backend_options={"history": value})

    three = [history("as-shipped", "1", "mem0"), history("together", "2", "mem0"), history("together", "3", "agentmem")]

    assert list(names_of(three).values()) == ["mem0 · history=as-shipped", "mem0 · history=together", "agentmem"]


class TestChoices:
    @pytest.mark.parametrize(
        ("one", "other", "line"),
        [
            ({"backend_options": {"history": "as-shipped"}}, {"backend_options": {"history": "together"}},
             "mem0, quick, mutex, 20 clients: history=together is 2.00x history=as-shipped"),
            ({"store": "local"}, {"store": "edge"}, "mem0, quick, mutex, 20 clients: edge is 2.00x local"),
            ({"precision": "fp32"}, {"precision": "int8"}, "mem0, quick, mutex, 20 clients: int8 is 2.00x fp32"),
            ({"threads": 1, "session_threads": (1,)}, {"threads": 2, "session_threads": (2,), "threads_auto": True},
             "mem0, quick, mutex, 20 clients: threads auto (2) is 2.00x threads 1"),
            ({"strategy": None, "store": "local"}, {"strategy": None, "store": "edge"},
             "mem0, quick, 20 clients: edge is 2.00x local"),
        ],
    )  # fmt: skip
    def test_runs_that_differ_in_one_choice_are_compared_in_its_words(self, run, one, other, line):
        assert next(choice_ratios([run(50.0, "1", **one), run(100.0, "2", **other)])) == f"{line} (no interval)"

    def test_each_choice_of_a_matrix_is_compared_with_the_others_equal(self, run):
        records = [
            run(rate, f"{strategy} {value}", strategy=strategy, backend_options={"history": value})
            for strategy, value, rate in [
                ("mutex", "as-shipped", 10.0), ("mutex", "together", 20.0),
                ("adaptive", "as-shipped", 30.0), ("adaptive", "together", 90.0),
            ]
        ]  # fmt: skip

        assert list(choice_ratios(records)) == [
            "mem0, quick, history=as-shipped, 20 clients: adaptive is 3.00x mutex (no interval)",
            "mem0, quick, history=together, 20 clients: adaptive is 4.50x mutex (no interval)",
            "mem0, quick, mutex, 20 clients: history=together is 2.00x history=as-shipped (no interval)",
            "mem0, quick, adaptive, 20 clients: history=together is 3.00x history=as-shipped (no interval)",
            MORE_REPEATS,
        ]

    def test_an_unusual_option_that_all_runs_share_is_named(self, run):
        records = [
            run(10.0, strategy, strategy=strategy, backend_options={"history": "together"})
            for strategy in ("mutex", "adaptive")
        ]

        assert next(choice_ratios(records)) == (
            "mem0, quick, history=together, 20 clients: adaptive is 1.00x mutex (no interval)"
        )


class TestStrategies:
    def test_each_is_compared_with_the_first(self, run, repeated):
        records = [
            repeated(run(strategy="shared"), 98.0, 100.0, 102.0),
            repeated(run(run_id="2", strategy="mutex"), 49.0, 50.0, 51.0),
            repeated(run(run_id="3", strategy="adaptive"), 99.0, 100.0, 101.0),
        ]
        (line,) = choice_ratios(records)

        assert line == (
            "mem0, quick, 20 clients: mutex is 0.50x shared (0.50 to 0.50), adaptive is 1.00x shared (0.98 to 1.03)"
        )

    def test_without_intervals_it_says_how_to_get_them(self, run):
        line, more = choice_ratios([run(100.0, "1", strategy="shared"), run(50.0, "2", strategy="mutex")])

        assert line == "mem0, quick, 20 clients: mutex is 0.50x shared (no interval)"
        assert more == MORE_REPEATS == "an interval needs 3 repeats or more of each run: --repeats 3"

    @pytest.mark.parametrize(
        "change",
        [
            {"backend": "agentmem"},
            {"backend_options": {"history": "together"}},
            {"clients": 8},
            {"scenario": "other"},
            {"status": "failed"},
            {"store": "edge"},
            {"threads": 2},
        ],
    )
    def test_runs_that_differ_in_more_are_not_compared(self, run, change):
        records = [run(100.0, "1", strategy="shared"), run(50.0, "2", **{"strategy": "mutex", **change})]

        assert list(choice_ratios(records)) == []
