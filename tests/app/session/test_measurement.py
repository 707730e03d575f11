"""From messages to a record: also of a run that was cut short. What is not known is None."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from membench.messages.run import Audit, Auditing, Finished, Loading, RepeatEnded, Started, WarmingUp
from membench.results.record import Record
from membench.session.measurement import Measurement

DESIGNED = [
    "schema", "run_id", "plan_id", "started_at", "membench_version", "scenario", "operation", "backend",
    "strategy", "strategy_options", "store", "model", "weights", "precision", "threads", "clients", "loop",
    "target_operations_per_s", "repeats", "items", "duration_s", "status", "error", "memories_per_s", "memories_per_s_low",
    "memories_per_s_high", "memories_per_s_repeats", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms",
    "latency_p99_9_ms", "latency_max_ms", "latency_mean_ms", "latency_hdr", "errors", "error_kinds",
    "acknowledged", "stored", "lost", "duplicated", "corrupted", "time_cpu", "time_runqueue", "time_lock",
    "time_result", "time_other", "stage_ms", "locks", "cpu_percent_per_core", "gil_busy", "fairness_jain",
    "queue_depth_p99", "batch_size_mean", "padding_factor", "rss_peak_mb", "limit_memories_per_s", "limit_share",
    "verdict", "verdict_evidence", "environment",
]  # fmt: skip
"""The fields of the record, in the order of its design."""

STARTED = Started(weights="twin", threads=2, dimensions=384, environment={"cpu": "a fast one"})
AUDIT = Audit(acknowledged=8, stored=7, lost=1, duplicated=0, corrupted=0, problem="1 memory lost")


@pytest.fixture
def whole_run(spec, tick):
    """Two repeats of two ticks each, all messages in their order."""
    measurement = Measurement(spec(clients=2, repeats=2))
    for message in (
        Loading(stage="loading"),
        STARTED,
        WarmingUp(items=2),
        tick(client_items=(2, 0)),
        tick(elapsed_s=0.2, errors={"ValueError": 1}, cpu_percent_per_core=(30.0, 50.0)),
        RepeatEnded(repeat=0, wall_s=0.2, operations=4, items=4),
        tick(repeat=1),
        tick(repeat=1, elapsed_s=0.2, latency_ns=(5_000_000,), latency_counts=(2,), rss_mb=140.0),
        RepeatEnded(repeat=1, wall_s=0.1, operations=4, items=4),
        Auditing(),
        Finished(audit=AUDIT),
    ):
        measurement.feed(message)
    return measurement


def test_a_record_has_every_field_in_the_designed_order():
    fields = list(Record.__struct_fields__)

    assert [field for field in fields if field in DESIGNED] == DESIGNED


def test_a_whole_run_makes_a_whole_record(whole_run):
    record = whole_run.record("ok")

    assert (record.run_id, record.plan_id, record.scenario, record.operation) == ("run-1", "plan-1", "quick", "add")
    assert (record.backend, record.strategy, record.store, record.clients) == ("mem0", "mutex", "local", 2)
    assert (record.weights, record.threads, record.environment) == ("twin", 2, {"cpu": "a fast one"})
    assert (record.loop, record.target_operations_per_s, record.arrivals) == ("closed", None, None)
    assert record.memories_per_s_repeats == pytest.approx((20, 40))
    assert record.memories_per_s == pytest.approx(30)
    assert (record.memories_per_s_low, record.memories_per_s_high) == pytest.approx((20, 40))
    assert (record.errors, record.error_kinds) == (1, {"ValueError": 1})
    assert (record.acknowledged, record.stored, record.lost, record.duplicated, record.corrupted) == (8, 7, 1, 0, 0)
    assert record.cpu_percent_per_core == pytest.approx((15, 80))
    assert record.fairness_jain == pytest.approx((5 + 3) ** 2 / (2 * (5**2 + 3**2)))
    assert record.rss_peak_mb == 140.0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record.started_at)


def test_percentiles_are_those_of_all_latencies(whole_run):
    record = whole_run.record("ok")
    histogram = HdrHistogram.decode(record.latency_hdr)

    assert histogram.get_total_count() == 8
    assert record.latency_p50_ms == pytest.approx(0.002, rel=0.001)
    assert record.latency_p90_ms == record.latency_p99_9_ms == record.latency_max_ms == pytest.approx(5, rel=0.001)
    assert record.latency_mean_ms == pytest.approx((3 * 0.001 + 3 * 0.002 + 2 * 5) / 8, rel=0.001)


def test_rates_are_the_median_over_repeats_with_its_interval(spec):
    measurement = Measurement(spec(repeats=5))
    rates = [100.0, 90.0, 250.0, 110.0, 95.0]
    for repeat, rate in enumerate(rates):
        measurement.feed(RepeatEnded(repeat=repeat, wall_s=2.0, operations=0, items=round(2 * rate)))
    record = measurement.record("ok")

    assert record.memories_per_s == statistics.median(rates) == 100
    assert 90 <= record.memories_per_s_low < 100 < record.memories_per_s_high <= 250
    assert record.memories_per_s_repeats == tuple(rates)


def test_one_repeat_has_no_interval(spec):
    measurement = Measurement(spec())
    measurement.feed(RepeatEnded(repeat=0, wall_s=2.0, operations=10, items=10))
    record = measurement.record("ok")

    assert (record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high) == (5.0, None, None)


def test_a_run_that_was_cut_off_keeps_what_it_measured(spec, tick):
    measurement = Measurement(spec(clients=2))
    for message in (STARTED, tick(), tick(elapsed_s=0.2, items=4, client_items=(4, 0))):
        measurement.feed(message)
    record = measurement.record("crashed", "the runner was killed by SIGKILL")

    assert (record.status, record.error) == ("crashed", "the runner was killed by SIGKILL")
    assert record.memories_per_s == pytest.approx(30)
    assert record.memories_per_s_repeats == ()
    assert record.acknowledged == 6
    assert record.latency_p50_ms is not None
    assert (record.stored, record.lost, record.duplicated, record.corrupted) == (None, None, None, None)


def test_a_later_repeat_that_was_cut_off_does_not_count_towards_the_rate(spec, tick):
    measurement = Measurement(spec(clients=2, repeats=2))
    for message in (tick(), RepeatEnded(repeat=0, wall_s=0.1, operations=2, items=2), tick(repeat=1, items=900)):
        measurement.feed(message)

    assert measurement.record("partial").memories_per_s == pytest.approx(20)


def test_what_a_run_that_never_started_cannot_have_is_none(spec):
    record = Measurement(spec()).record("crashed", "dead")
    known = {
        "schema", "run_id", "plan_id", "started_at", "membench_version", "scenario", "operation", "backend", "strategy",
        "strategy_options", "store", "model", "precision", "clients", "loop", "batch_size", "repeats", "items",
        "status", "error", "memories_per_s_repeats", "errors", "error_kinds", "acknowledged", "environment", "embedder",
    }  # fmt: skip

    assert {field for field in Record.__struct_fields__ if getattr(record, field) is not None} == known
    assert record.environment == record.error_kinds == {}
    assert record.acknowledged == record.errors == 0


def test_a_run_in_which_everything_failed_has_no_latency(spec, tick):
    measurement = Measurement(spec(clients=2))
    nothing = {"operations": 0, "items": 0, "latency_ns": (), "latency_counts": (), "client_items": (0, 0)}
    measurement.feed(tick(**nothing, errors={"OSError": 9}))
    record = measurement.record("failed", "every operation failed")

    assert record.memories_per_s == 0
    assert [getattr(record, f) for f in Record.__struct_fields__ if f.startswith("latency")] == [None] * 7
    assert (record.fairness_jain, record.errors, record.acknowledged) == (None, 9, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("closed", None, None, None)),
        ({"target_operations_per_s": 5.0}, ("open", 5.0, "poisson", None)),
        ({"target_operations_per_s": 5.0, "arrivals": "constant"}, ("open", 5.0, "constant", None)),
        ({"operation": "add_batch", "batch_size": 5}, ("closed", None, None, False)),
    ],
)
def test_the_loop_and_the_kind_of_call_are_recorded(spec, changes, expected):
    record = Measurement(spec(**changes)).record("ok", batch_call=False)

    assert (record.loop, record.target_operations_per_s, record.arrivals, record.batch_call) == expected


def test_the_version_is_that_of_the_project():
    import tomllib
    from importlib.metadata import version

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]

    assert version("membench-tui") == project["version"]
